internal import Synchronization

extension Metrics {
    /// One metric with all its label sets.
    final class Family: Sendable {
        /// The metric's type, by Prometheus' names.
        enum Kind: String, Sendable { case counter, gauge, histogram }

        /// One label set's value: `sum` is the value itself for counters and gauges.
        struct Series: Sendable {
            var sum = 0.0
            /// Observations per bucket, not yet cumulative; the last is above all bounds.
            var buckets: [Int]
        }

        let name: String
        let bounds: [Double]
        private let help: String
        private let kind: Kind
        private let labels: [String]
        private let series: Mutex<[[String]: Series]>

        init(name: String, help: String, kind: Kind, labels: [String], bounds: [Double]) {
            self.name = name
            self.help = help
            self.kind = kind
            self.labels = labels
            self.bounds = bounds
            // A metric without labels exists from the start, so that its first rise is seen as one.
            let initial = labels.isEmpty ? [[]: Self.empty(bounds)] : [[String]: Series]()
            series = Mutex(initial)
        }

        /// Changes the series with these label values, creating it where it is new.
        func update(_ values: [String], _ change: (inout Series) -> Void) {
            precondition(values.count == labels.count, "metric \(name) has other labels")
            series.withLock { change(&$0[values, default: Self.empty(bounds)]) }
        }

        /// Makes these the only series.
        func replace(_ all: [(labels: [String], value: Double)]) {
            precondition(
                all.allSatisfy { $0.labels.count == labels.count }, "metric \(name) has other labels")
            series.withLock { series in
                series = [:]
                for (labels, value) in all { series[labels, default: Self.empty(bounds)].sum = value }
            }
        }

        func remove(_ values: [String]) { series.withLock { $0[values] = nil } }

        /// The metric's lines.
        func text() -> String {
            let snapshot = series.withLock { $0 }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            var text = "# HELP \(name) \(Self.escape(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
            for (values, series) in snapshot {
                let pairs = zip(labels, values).map { "\($0)=\"\(Self.escape($1, quotes: true))\"" }
                if kind == .histogram {
                    append(series, pairs, to: &text)
                } else {
                    text += "\(name)\(Self.braces(pairs)) \(Self.number(series.sum))\n"
                }
            }
            return text
        }

        private func append(_ series: Series, _ pairs: [String], to text: inout String) {
            var cumulative = 0
            for (index, count) in series.buckets.enumerated() {
                cumulative += count
                let bound = index < bounds.count ? Self.number(bounds[index]) : "+Inf"
                text += "\(name)_bucket\(Self.braces(pairs + ["le=\"\(bound)\""])) \(cumulative)\n"
            }
            text += "\(name)_sum\(Self.braces(pairs)) \(Self.number(series.sum))\n"
            text += "\(name)_count\(Self.braces(pairs)) \(cumulative)\n"
        }

        /// Whether `name` matches `[a-zA-Z_][a-zA-Z0-9_]*`, for metrics with `:` too.
        static func isName(_ name: String, colons: Bool) -> Bool {
            guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
            return name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"): true
                case UInt8(ascii: ":"): colons
                default: false
                }
            }
        }

        private static func empty(_ bounds: [Double]) -> Series {
            Series(buckets: [Int](repeating: 0, count: bounds.count + 1))
        }

        private static func braces(_ pairs: [String]) -> String {
            pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}"
        }

        private static func escape(_ text: String, quotes: Bool) -> String {
            var result = ""
            for character in text.unicodeScalars {
                switch character {
                case "\\": result += "\\\\"
                case "\n": result += "\\n"
                case "\"" where quotes: result += "\\\""
                default: result.unicodeScalars.append(character)
                }
            }
            return result
        }

        private static func number(_ value: Double) -> String {
            if value.isNaN { return "NaN" }
            if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
            return abs(value) < 0x1p53 && value == value.rounded() ? "\(Int(value))" : "\(value)"
        }
    }
}
