import Foundation
import Testing

@Suite("What the edge binary links") struct LinkageTests {
    /// The rooms that the agent is built from (Package.swift).
    static let rooms = [
        "ClientAgent", "Compute", "Configuration", "Cryptography", "Custody", "Datasets", "Encoding",
        "Federation",
        "HTTPWire", "Learning", "Ledger", "Messages", "Notation", "Operations", "Privacy",
        "SecureAggregation",
        "Transport", "sordino-agent",
    ]

    /// One import of the whole Foundation would link ICU, whose tables are larger than the rest of the binary.
    @Test("No room of the agent imports more of Foundation than its essentials", arguments: rooms)
    func essentials(room: String) throws {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources/\(room)").standardizedFileURL
        let files = try #require(FileManager.default.enumerator(atPath: sources.path))
        var count = 0
        for case let name as String in files where name.hasSuffix(".swift") {
            let text = try String(contentsOf: sources.appendingPathComponent(name), encoding: .utf8)
            let imports = text.split(separator: "\n").filter { $0.contains("import ") }
            #expect(!imports.contains { $0.hasSuffix("import Foundation") }, "\(room)/\(name)")
            count += 1
        }
        #expect(count > 0)
    }
}
