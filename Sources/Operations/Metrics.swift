internal import Synchronization

/// The process's measurements, printed in Prometheus' text format (version 0.0.4).
///
/// Counters only rise, gauges go up and down, histograms count observations at or below bounds. Each metric is
/// declared once; naming it twice, or with other labels than declared, is a programming error and traps.
package final class Metrics: Sendable {
    private let families = Mutex<[Family]>([])

    package init() {}

    /// Declares a counter; by convention its name ends in `_total`.
    package func counter(_ name: String, help: String, labels: [String] = []) -> Counter {
        Counter(family: declare(name, help, .counter, labels, bounds: []))
    }

    /// Declares a gauge.
    package func gauge(_ name: String, help: String, labels: [String] = []) -> Gauge {
        Gauge(family: declare(name, help, .gauge, labels, bounds: []))
    }

    /// Declares a histogram with ascending upper bounds; the bound `+Inf` is added.
    package func histogram(
        _ name: String, help: String, bounds: [Double], labels: [String] = []
    ) -> Histogram {
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 } && bounds.allSatisfy(\.isFinite))
        return Histogram(family: declare(name, help, .histogram, labels, bounds: bounds))
    }

    /// All metrics in the order of their declaration, their label sets sorted.
    package func text() -> String {
        families.withLock { $0 }.map { $0.text() }.joined()
    }

    private func declare(
        _ name: String, _ help: String, _ kind: Family.Kind, _ labels: [String], bounds: [Double]
    ) -> Family {
        precondition(Family.isName(name, colons: true), "\(name) is not a metric name")
        precondition(labels.allSatisfy { Family.isName($0, colons: false) && $0 != "le" })
        let family = Family(name: name, help: help, kind: kind, labels: labels, bounds: bounds)
        families.withLock { families in
            precondition(!families.contains { $0.name == name }, "metric \(name) is declared twice")
            families.append(family)
        }
        return family
    }

    /// A number that only rises.
    package struct Counter: Sendable {
        let family: Family

        /// Adds `amount`, at least 0, to the series with these label values.
        package func increment(by amount: Double = 1, labels: [String] = []) {
            precondition(amount >= 0, "a counter only rises")
            family.update(labels) { $0.sum += amount }
        }
    }

    /// A number that goes up and down.
    package struct Gauge: Sendable {
        let family: Family

        /// Sets the series with these label values.
        package func set(_ value: Double, labels: [String] = []) {
            family.update(labels) { $0.sum = value }
        }

        /// Ends the series with these label values.
        package func remove(labels: [String]) { family.remove(labels) }

        /// Makes these the only series, each with its label values.
        package func replace(_ series: [(labels: [String], value: Double)]) {
            family.replace(series)
        }

        /// Adds to the series with these label values; it starts at 0.
        package func add(_ amount: Double, labels: [String] = []) {
            family.update(labels) { $0.sum += amount }
        }
    }

    /// Counts of observations at or below each bound, with their sum.
    package struct Histogram: Sendable {
        let family: Family

        /// Counts one observation in the series with these label values.
        package func observe(_ value: Double, labels: [String] = []) {
            let bucket = family.bounds.firstIndex { value <= $0 } ?? family.bounds.count
            family.update(labels) { series in
                series.buckets[bucket] += 1
                series.sum += value
            }
        }
    }
}
