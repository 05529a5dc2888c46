/// A strict reader of Prometheus' text format, version 0.0.4: what `promtool check metrics` would refuse is refused.
public struct PrometheusText {
    /// What is wrong, with the line.
    public struct Fault: Error, CustomStringConvertible {
        /// Number, content and reason.
        public let description: String
    }

    /// One metric: its type and its samples by name and labels as written.
    public struct Family {
        /// `counter`, `gauge` or `histogram`.
        public var type: String
        /// Values by sample, such as `a_total{b="c"}`.
        public var samples: [String: Double] = [:]
    }

    /// Metrics by name.
    public private(set) var families: [String: Family] = [:]

    /// Reads a whole page. Throws ``Fault``.
    public init(_ text: String) throws {
        guard text.hasSuffix("\n") else { throw Fault(description: "the last line has no end") }
        var current = ""
        var helped = ""
        for (place, line) in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            .enumerated()
        {
            func fault(_ reason: String) -> Fault {
                Fault(description: "line \(place + 1), \(line): \(reason)")
            }
            let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(
                String.init)
            if line.hasPrefix("# HELP ") {
                guard words.count == 4, !words[3].isEmpty else { throw fault("no help") }
                helped = words[2]
            } else if line.hasPrefix("# TYPE ") {
                guard words.count == 4, ["counter", "gauge", "histogram"].contains(words[3]) else {
                    throw fault("no known type")
                }
                guard helped == words[2] else { throw fault("the help is not before it") }
                guard families[words[2]] == nil else { throw fault("declared twice") }
                guard (words[3] == "counter") == words[2].hasSuffix("_total") else {
                    throw fault("counters end in _total, and nothing else does")
                }
                current = words[2]
                families[current] = Family(type: words[3])
            } else {
                guard !line.hasPrefix("#"), let family = families[current] else { throw fault("no sample") }
                let (name, value) = try Self.sample(line, fault)
                let base = name.prefix { $0 != "{" }
                let allowed =
                    family.type == "histogram"
                    ? ["_bucket", "_sum", "_count"].map { current + $0 } : [current]
                guard allowed.contains(String(base)) else { throw fault("stands under another metric") }
                guard families[current]?.samples.updateValue(value, forKey: name) == nil else {
                    throw fault("stands here twice")
                }
                guard family.type == "gauge" || value >= 0 else { throw fault("a count below zero") }
            }
        }
        try checkHistograms()
    }

    private static func sample(_ line: Substring, _ fault: (String) -> Fault) throws -> (String, Double) {
        guard let space = line.lastIndex(of: " ") else { throw fault("no value") }
        let (name, text) = (String(line[..<space]), String(line[line.index(after: space)...]))
        let special = ["+Inf": Double.infinity, "-Inf": -Double.infinity, "NaN": Double.nan]
        guard let value = special[text] ?? Double(text) else { throw fault("\(text) is no number") }
        let pattern =
            /[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*")(,([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*"))*\})?/
        guard name.wholeMatch(of: pattern) != nil else { throw fault("no name with labels") }
        return (name, value)
    }

    /// Buckets rise, the last is +Inf and equals the count.
    private func checkHistograms() throws {
        for (name, family) in families where family.type == "histogram" {
            let infinite = family.samples.filter { $0.key.contains("le=\"+Inf\"") }
            let counts = family.samples.filter { $0.key.hasPrefix("\(name)_count") }
            guard infinite.count == counts.count, !counts.isEmpty,
                infinite.values.sorted() == counts.values.sorted()
            else { throw Fault(description: "\(name): the bucket +Inf is not the count") }
            guard
                family.samples.allSatisfy({ sample in
                    infinite.values.contains { sample.value <= $0 } || sample.key.contains("_sum")
                })
            else { throw Fault(description: "\(name): a bucket holds more than +Inf") }
        }
    }
}
