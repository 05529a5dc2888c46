package import Federation
internal import Glibc
internal import Operations

/// What the agent keeps from round to round, as files of its own: `RUN.kept`, and `RUN-ROUND.made` while the report that
/// was made with it is not yet accepted.
///
/// A made file is durable before the outbox has the report, and takes the place of the kept one once the server has said
/// that it accepted that report, before the outbox forgets it. Whenever the process is killed, what is kept follows from
/// exactly the reports that were accepted: a report that is sent again finds its file again, or the file in its place
/// already. Files of runs that are over are removed.
package struct MemoryFolder: Sendable {
    /// The folder's name in the state directory.
    package static let name = "memory"
    /// Runs whose files stay beside that of the run being served, where an agent serves several in turn: what a run has made
    /// for this site is of use after its end.
    static let runsKept = 16

    private let path: String

    /// The folder at `path`; it is made when something is to be kept.
    package init(_ path: String) { self.path = path }

    /// Loads what is kept of a run; zeros where nothing is. Throws a storage ``Failure`` for a file that is not whole, or
    /// another task's.
    package func load(run: String, into memory: ClientMemory) throws {
        let file = kept(run)
        guard access(file, F_OK) == 0,
            let bytes = try StateDirectory.contents(of: file, limit: KeptMemory.byteLimit(memory.vectors))
        else { return memory.clear() }
        do {
            let kept = try KeptMemory(bytes)
            guard kept.run == run, kept.vectors == memory.vectors else { throw Self.foreign(file) }
            kept.load(into: memory)
        } catch KeptMemory.Problem.damaged {
            throw Failure(.storage, "\(file): damaged: its bytes do not have its digest; \(Self.wayOn)")
        } catch KeptMemory.Problem.newer(let version) {
            throw Failure(
                .storage,
                "\(file): is of version \(version); use the newer program that wrote it")
        } catch KeptMemory.Problem.foreign {
            throw Self.foreign(file)
        }
    }

    /// Writes what is to be kept if the report of this round is accepted, durably. `underWay`: `RUN-ROUND` of reports that
    /// wait to be sent. Throws a storage ``Failure``.
    package func make(
        run: String, round: Int, _ memory: ClientMemory, underWay: Set<String> = []
    ) throws {
        _ = try OutputDirectory(path, mode: 0o700)
        // What others left belongs to rounds that were lost, but where their reports wait.
        for name in try StateDirectory.names(in: path)
        where name.hasSuffix(".made") && !underWay.contains(String(name.dropLast(".made".count))) {
            try AtomicFile.remove("\(path)/\(name)", durably: false)
        }
        try AtomicFile.write(
            KeptMemory.encode(run: run, round: round, memory), to: made(run, round), mode: 0o600)
    }

    /// The report of this round was accepted: what was made with it is kept from here on, durably. Where nothing is there,
    /// nothing was made, or it is kept already. Unless the agent `servesOthers` in turn, all other runs are over; else the
    /// ``runsKept`` that were served last stay. Throws a storage ``Failure``.
    package func keep(run: String, round: Int, servesOthers: Bool = false) throws {
        let made = made(run, round)
        guard access(made, F_OK) == 0 else { return }
        try AtomicFile.publish(made, as: kept(run), mode: 0o600)
        try AtomicFile.remove(made, durably: false)
        let others = try StateDirectory.names(in: path)
            .filter { $0.hasSuffix(".kept") && $0 != "\(run).kept" }
            .sorted { Self.changed("\(path)/\($0)") > Self.changed("\(path)/\($1)") }
        for name in others.dropFirst(servesOthers ? Self.runsKept : 0) {
            try AtomicFile.remove("\(path)/\(name)", durably: false)
        }
    }

    /// The report of this round will not be accepted: all stays as it was. Throws a storage ``Failure``.
    package func drop(run: String, round: Int) throws {
        let made = made(run, round)
        if access(made, F_OK) == 0 { try AtomicFile.remove(made, durably: false) }
    }

    /// When a file was written, in nanoseconds since 1970; 0 where it is gone.
    private static func changed(_ path: String) -> Int {
        var status = stat()
        guard lstat(path, &status) == 0 else { return 0 }
        return status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec
    }

    private func kept(_ run: String) -> String { "\(path)/\(run).kept" }
    private func made(_ run: String, _ round: Int) -> String { "\(path)/\(run)-\(round).made" }

    private static let wayOn = "restore it from a backup, or remove it and this agent starts anew"

    private static func foreign(_ file: String) -> Failure {
        Failure(.storage, "\(file): is not what this task has an agent keep; \(wayOn)")
    }
}
