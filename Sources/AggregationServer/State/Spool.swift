internal import Cryptography
internal import Foundation
internal import Glibc
internal import Messages
internal import Operations

/// Reports of the open round on disk, mode 0600.
///
/// A report arrives under a temporary name, is synced, and gets its final name only when the round's owner takes
/// it; the folder is synced before the agent hears `202`. After a crash the final names are the accepted reports.
struct Spool: Sendable {
    let path: String

    init(_ state: StateDirectory) { path = "\(state.path)/spool" }

    /// A fresh temporary name.
    func incomingPath() -> String {
        "\(path)/.incoming-\(getpid())-\(String(UInt64.random(in: 0...UInt64.max), radix: 16))"
    }

    /// Final name of a client's report.
    func reportPath(round: Int, client: Int) -> String {
        "\(path)/\(StateDirectory.name(round))-\(client).update"
    }

    /// Removes what was on its way when the process ended, but for reports in parts.
    func removeIncoming() throws {
        try putBackAll()
        for name in try names() where name.hasPrefix(".") { unlink("\(path)/\(name)") }
    }

    /// Gives a synced report its final name; durable only after ``synchronise()``.
    func accept(_ temporary: String, round: Int, client: Int) throws {
        guard rename(temporary, reportPath(round: round, client: client)) == 0 else {
            throw Failure(.storage, "cannot keep a report in \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Gives a report in memory a file of its own, synced; durable only after ``synchronise()``. Throws a storage `Failure`.
    func accept(_ body: UnsafeRawBufferPointer, round: Int, client: Int) throws {
        let path = incomingPath()
        guard let file = SpoolFile(creating: path, isDirect: false) else {
            throw Failure(
                .storage, "cannot keep a report in \(self.path): \(String(cString: strerror(errno)))")
        }
        guard file.append(body), file.synchronise() else {
            let reason = String(cString: strerror(errno))
            file.discard()
            throw Failure(.storage, "cannot keep a report in \(self.path): \(reason)")
        }
        try accept(path, round: round, client: client)
    }

    /// Waits until the folder's entries are on the device.
    func synchronise() throws {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(.storage, "cannot open \(path)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw Failure(.storage, "cannot sync \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Clients whose reports of the round are kept, ascending.
    func clients(round: Int) throws -> [Int] {
        let prefix = StateDirectory.name(round) + "-"
        return try names().compactMap { name in
            guard name.hasPrefix(prefix), name.hasSuffix(".update") else { return nil }
            let client = Int(name.dropFirst(prefix.count).dropLast(".update".count))
            return client.flatMap { name == "\(prefix)\($0).update" && $0 >= 0 ? $0 : nil }
        }.sorted()
    }

    /// Reports that are kept, of whatever round.
    func all() throws -> [(round: Int, client: Int)] {
        try names().compactMap { name in
            guard name.hasSuffix(".update") else { return nil }
            let numbers = name.dropLast(".update".count).split(separator: "-").map { Int($0) }
            guard numbers.count == 2, let round = numbers[0], let client = numbers[1],
                "\(path)/\(name)" == reportPath(round: round, client: client)
            else { return nil }
            return (round, client)
        }.sorted { $0 < $1 }
    }

    /// Removes what is left of other rounds than `round`.
    func keepOnly(round: Int?) throws {
        let prefix = round.map { StateDirectory.name($0) + "-" }
        for name in try names() where name.hasSuffix(".update") && prefix.map(name.hasPrefix) != true {
            unlink("\(path)/\(name)")
        }
    }

    /// Removes the round's reports. After a crash they may be there again: whoever starts removes them then.
    func removeReports(round: Int) throws {
        for client in try clients(round: round) { unlink(reportPath(round: round, client: client)) }
    }

    /// Names of all that is there.
    func names() throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw Failure(.storage, "cannot read \(path); check its permissions and the device")
        }
    }
}
