import Foundation
import TestSupport
import Testing

@testable import AggregationServer

/// What is delivered for Prometheus and Grafana asks for metrics that a server has.
@Suite struct MonitoringFileTests {
    /// Names in the text of a scrape; those of histograms with their endings.
    private static let served: Set<String> = {
        let text = ServerMetrics().text(connections: 0, queue: 0, spool: 0, expiries: [])
        var names: Set<String> = []
        for line in text.split(separator: "\n") where line.hasPrefix("# TYPE ") {
            let words = line.split(separator: " ")
            guard words.count == 4 else { continue }
            let name = String(words[2])
            names.formUnion(
                words[3] == "histogram" ? ["_bucket", "_sum", "_count"].map { name + $0 } : [name])
        }
        return names
    }()

    private func asked(_ name: String) throws -> Set<String> {
        let root = Vectors.folder.deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appendingPathComponent("simulations/deployment/\(name)")
        let text = try String(contentsOf: file, encoding: .utf8)
        return Set(text.matches(of: /\bsordino_[a-z_]+/).map { String($0.0) })
    }

    @Test(arguments: ["alerts.yml", "alerts-test.yml", "grafana-dashboard.json"])
    func everyMetricIsServed(file: String) throws {
        let asked = try asked(file)
        #expect(asked.count >= 8 && asked.subtracting(Self.served).isEmpty, "\(file)")
    }

    /// Nothing that a server measures is left out of the dashboard, but for the counts behind other curves.
    @Test func theDashboardShowsWhatThereIs() throws {
        let asked = try asked("grafana-dashboard.json")
        let shown = Self.served.filter { asked.contains($0) }
        #expect(Double(shown.count) > 0.6 * Double(Self.served.count))
    }

    @Test func thePanelsAreComplete() throws {
        let root = Vectors.folder.deletingLastPathComponent().deletingLastPathComponent()
        let data = try Data(
            contentsOf: root.appendingPathComponent("simulations/deployment/grafana-dashboard.json"))
        let board = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let panels = try #require(board["panels"] as? [[String: Any]])
        #expect(panels.count >= 15)
        #expect(Set(panels.compactMap { $0["id"] as? Int }).count == panels.count)
        for panel in panels {
            let targets = try #require(panel["targets"] as? [[String: Any]])
            let expressions = targets.compactMap { $0["expr"] as? String }
            #expect(!expressions.isEmpty && expressions.count == targets.count)
            #expect(expressions.allSatisfy { $0.contains("instance=~\"$instance\"") })
        }
    }
}
