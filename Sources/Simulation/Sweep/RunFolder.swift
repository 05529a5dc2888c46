package import Configuration
internal import Foundation
internal import Operations

/// The output folder of a finished run, read back. Whatever lies in it is taken for hostile.
package struct RunFolder: Sendable {
    package let path: String
    package let summary: SimulationSummary
    /// Every round of the run, in order.
    package let rounds: [RoundRecord]
    /// The scenario as it was resolved.
    package let scenario: JSONValue

    /// Numbers that a round may have.
    private static let roundNumbers = 1...1_000_000_000
    /// Most bytes of a file that is read.
    private static let limit = 1 << 28

    /// Reads the folder of a run that came to its end. Throws ``ConfigurationError`` with the folder or file and what is
    /// wrong with it, in one line.
    package init(_ path: String) throws {
        self.path = path
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
            throw ConfigurationError(path: path, problem: "is no folder")
        }
        let resolved = try Self.bytes(path, "scenario.resolved.json")
        guard let scenario = try? JSONValue(json5: resolved, source: path), case .object = scenario else {
            throw Self.damage(path, "scenario.resolved.json")
        }
        let text = try Self.bytes(path, "summary.json")
        guard let summary = try? JSONDecoder().decode(SimulationSummary.self, from: Data(text)) else {
            throw Self.damage(path, "summary.json")
        }
        guard !summary.finished.hasPrefix("interrupted") else {
            throw ConfigurationError(path: path, problem: "the run was interrupted; it can be resumed")
        }
        let lines = try Self.bytes(path, "rounds.jsonl")
        let decoder = JSONDecoder()
        let rounds = lines.split(separator: 0x0A).map {
            try? decoder.decode(RoundRecord.self, from: Data($0))
        }
        let known = rounds.compactMap(\.self)
        guard known.count == rounds.count, lines.isEmpty || lines.last == 0x0A,
            known.count == summary.roundsCompleted &+ summary.roundsAbandoned,
            known.allSatisfy({ Self.roundNumbers.contains($0.round) }),
            zip(known, known.dropFirst()).allSatisfy({ $0.round < $1.round })
        else { throw Self.damage(path, "rounds.jsonl") }
        (self.summary, self.rounds, self.scenario) = (summary, known, scenario)
    }

    private static func bytes(_ folder: String, _ name: String) throws -> [UInt8] {
        guard let bytes = try StoredFile.bytes(at: "\(folder)/\(name)", limit: limit) else {
            throw ConfigurationError(
                path: folder, problem: "is no folder of a finished run: \(name) is missing")
        }
        return bytes
    }

    private static func damage(_ folder: String, _ name: String) -> ConfigurationError {
        ConfigurationError(
            path: "\(folder)/\(name)", problem: "is damaged, or of another version; run it again")
    }

    /// The first round whose hold-out accuracy is at least `target`; nil where none is.
    package func roundsTo(_ target: Double) -> Int? {
        rounds.first { ($0.accuracy ?? -1) >= target }?.round
    }

    /// Whether the run released a model.
    package var hasModel: Bool { summary.roundsCompleted > 0 }
}
