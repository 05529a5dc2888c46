internal import Configuration
internal import Operations

/// Which server a run is of, durable before the first of its rounds is charged: a report is only ever sent to the server that
/// its noise and masks were made for, also by the next process.
package struct RunHome: Equatable, Sendable {
    /// The server, `host:port`.
    package var server: String
    /// Whether the run has paths of its own there.
    package var hasRunPaths: Bool
    /// The task's name and the SHA-256 of its text, for the owner.
    package var task: String
    package var digest: String

    private static let fileName = "home.json"

    private static func path(_ run: String, _ state: StateDirectory) -> String {
        state.file("runs/\(run)/\(fileName)")
    }

    /// The home of a run; nil where none is known, as of runs of version 0.1.0. Throws a storage ``Failure`` where the file
    /// is damaged.
    package static func read(_ run: String, in state: StateDirectory) throws -> RunHome? {
        let path = path(run, state)
        guard let bytes = try StateDirectory.contents(of: path, limit: 64 << 10) else { return nil }
        do {
            let section = try Section(JSONValue(json5: bytes, source: path), path: path)
            guard let server = try section.string("server"), let hasRunPaths = try section.bool("run_paths")
            else { throw section.error("server", "or run_paths is missing") }
            let home = RunHome(
                server: server, hasRunPaths: hasRunPaths, task: try section.string("task") ?? "",
                digest: try section.string("digest") ?? "")
            try section.finish()
            return home
        } catch {
            throw Failure(.storage, "\(path): damaged (\(error)); restore the state directory from a backup")
        }
    }

    /// Writes the home of a run, durably, where it is not known like this already. Throws a storage ``Failure``.
    package func keep(_ run: String, in state: StateDirectory) throws {
        if try Self.read(run, in: state) == self { return }
        _ = try OutputDirectory(state.file("runs/\(run)"), mode: 0o700)
        let json = JSONValue.object([
            "server": .string(server), "run_paths": .bool(hasRunPaths), "task": .string(task),
            "digest": .string(digest),
        ])
        try AtomicFile.write(Array("\(json.text())\n".utf8), to: Self.path(run, state), mode: 0o600)
    }
}
