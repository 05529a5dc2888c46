package import Configuration
internal import Cryptography
internal import Foundation
internal import Operations

/// The output folder of a sweep: what is swept (`sweep.json`), a folder a run (`runs/0001`), and at the end the table.
package struct SweepFolder: Sendable {
    package let path: String
    /// What is swept: two folders with the same text hold parts of one sweep.
    package let identity: JSONValue

    private static let fileName = "sweep.json"
    private static let limit = 1 << 26

    /// What makes a sweep: its runs, in order, and what is compared.
    package static func identity(_ plan: SweepPlan, target: Double?, keepsModels: Bool) throws -> JSONValue {
        var members = try self.members(plan)
        members["target"] = target.map { .number($0) } ?? .null
        members["keep_models"] = .bool(keepsModels)
        if let over = plan.worstOver { members["worst_over"] = .string(over) }
        return .object(members)
    }

    private static func members(_ plan: SweepPlan) throws -> [String: JSONValue] {
        // Runs in full would be long; what they are made of is told by a digest of all.
        let runs = plan.runs.map { $0.document.root.text() }.joined(separator: "\n")
        return [
            "version": .string(ProductVersion.current),
            "over": .array(plan.paths.map { .string($0) }),
            "points": .array(plan.points.map { .array($0.map { .string($0) }) }),
            "runs": .array(
                plan.runs.map { run in
                    .object([
                        "point": .integer(run.point), "seed": .integer(run.seed),
                        "fold": run.fold.map { .integer($0) } ?? .null,
                    ])
                }),
            "scenarios": .string(try SHA256.text(of: Array(runs.utf8))),
        ]
    }

    /// Makes the folder for a sweep, or takes up what it holds of it. Throws ``ConfigurationError`` where it holds another
    /// sweep, or a run, and a storage `Failure` where it cannot be written.
    package init(_ path: String, for identity: JSONValue) throws {
        let folder = try OutputDirectory(path)
        self.path = folder.path
        self.identity = identity
        let file = folder.file(Self.fileName)
        let text = identity.text(indented: true) + "\n"
        if let bytes = try StoredFile.bytes(at: file, limit: Self.limit), !bytes.isEmpty {
            guard bytes == Array(text.utf8) else {
                throw ConfigurationError(
                    path: path,
                    problem: "holds another sweep (\(Self.fileName)); choose another folder, or remove it")
            }
            return
        }
        for name in ["scenario.resolved.json", "runs", "rung-1"]
        where FileManager.default.fileExists(atPath: folder.file(name)) {
            throw ConfigurationError(
                path: path, problem: "holds something else (\(name)); choose another folder, or remove it")
        }
        try AtomicFile.write(text, to: file)
    }

    /// The folder of a sweep that was run. Throws ``ConfigurationError`` where it is none.
    package init(reading path: String) throws {
        self.path = path
        guard let bytes = try StoredFile.bytes(at: "\(path)/\(Self.fileName)", limit: Self.limit) else {
            throw ConfigurationError(
                path: path, problem: "is no folder of a sweep: \(Self.fileName) is missing")
        }
        let file = "\(path)/\(Self.fileName)"
        guard let identity = try? JSONValue(json5: bytes, source: file), case .object = identity else {
            throw ConfigurationError(path: file, problem: "is damaged; run the sweep again")
        }
        self.identity = identity
    }

    /// Whether a folder is that of a sweep.
    package static func isOne(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(path)/\(fileName)")
    }

    /// The folder of a run.
    package func run(_ name: String) -> String { "\(path)/runs/\(name)" }

    /// A file of the sweep's own.
    package func file(_ name: String) -> String { "\(path)/\(name)" }
}

/// What `sweep.json` says, for whoever reads it without the scenario.
package struct SweepIdentity: Decodable, Equatable, Sendable {
    /// One run: its point, from 0, its seed and its fold.
    package struct Run: Decodable, Equatable, Sendable {
        package let point: Int
        package let seed: Int
        package let fold: Int?
    }

    package let over: [String]
    package let points: [[String]]
    package let runs: [Run]
    package let target: Double?
    /// The key over which the worst is told; nil: none.
    package let worstOver: String?

    private enum CodingKeys: String, CodingKey {
        case over, points, runs, target
        case worstOver = "worst_over"
    }

    /// Reads what a folder's file says. Throws ``ConfigurationError`` where it is no such text.
    package init(_ folder: SweepFolder) throws {
        guard
            let identity = try? JSONDecoder().decode(Self.self, from: Data(folder.identity.text().utf8)),
            identity.points.allSatisfy({ $0.count == identity.over.count }),
            identity.runs.allSatisfy({ identity.points.indices.contains($0.point) }),
            identity.runs.count <= SweepPlan.limit,
            identity.worstOver.map(identity.over.contains) ?? true
        else {
            throw ConfigurationError(
                path: folder.file("sweep.json"), problem: "is damaged; run the sweep again")
        }
        self = identity
    }
}
