internal import Foundation
internal import Operations
internal import Synchronization

/// `shut-out.jsonl` of a service: names of agents that are shut out of all its runs, for good.
final class ShutOutAgents: Sendable {
    private let path: String
    private let names: Mutex<Set<String>>

    /// Reads the file of a server's state directory. Throws a storage `Failure` where it is damaged.
    init(_ folder: String) throws {
        let path = "\(folder)/shut-out.jsonl"
        self.path = path
        let bytes = try StoredFile.bytes(at: path, limit: 64 << 20, followsLinks: false) ?? []
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        // The file is only ever replaced: a line without an end is none that was written.
        guard lines.last?.isEmpty ?? true else { throw StateDirectory.damaged(path) }
        names = Mutex(
            try Set(
                lines.dropLast().map { line in
                    guard let name = try? JSONDecoder().decode(String.self, from: Data(line)) else {
                        throw StateDirectory.damaged(path)
                    }
                    return name
                }))
    }

    /// All names.
    var all: Set<String> { names.withLock { $0 } }

    /// Adds names, durably. Throws a storage `Failure`; nothing is added then.
    func add(_ more: Set<String>) throws {
        try names.withLock { names in
            let all = names.union(more)
            guard all.count > names.count else { return }
            let lines = try all.sorted().map { Array(try JSONEncoder().encode($0)) + [0x0A] }
            try AtomicFile.write(Array(lines.joined()), to: path, mode: 0o600)
            names = all
        }
    }
}
