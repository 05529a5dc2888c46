internal import Configuration
internal import Glibc
internal import Operations

/// The owner's word that the agent is to rest: a file in the state directory, which a working agent heeds before its next
/// round. Whatever has the file's name means a pause: what cannot be read must not let work go on.
package enum PauseFile {
    private static func path(_ folder: String) -> String { "\(folder)/paused.json" }

    /// Whether the agent is to rest.
    package static func isThere(in folder: String) -> Bool {
        var status = stat()
        return lstat(path(folder), &status) == 0
    }

    /// When and why it was asked to rest, as far as the file tells.
    package static func contents(in folder: String) -> (since: Int?, reason: String?) {
        guard let bytes = try? StateDirectory.contents(of: path(folder), limit: 16 << 10),
            let json = try? JSONValue(json5: bytes, source: "paused.json"),
            let section = try? Section(json, path: "")
        else { return (nil, nil) }
        return (try? section.integer("since"), try? section.string("reason"))
    }

    /// Asks the agent to rest, durably. Throws a storage ``Failure``.
    package static func put(in folder: String, reason: String?, now: Int) throws {
        _ = try OutputDirectory(folder, mode: 0o700)
        let json = JSONValue.object([
            "since": .integer(now), "reason": reason.map { .string($0) } ?? .null,
        ])
        try AtomicFile.write(Array("\(json.text())\n".utf8), to: path(folder), mode: 0o600)
    }

    /// Lets the agent work again; no pause is fine. Throws a storage ``Failure``.
    package static func remove(in folder: String) throws { try AtomicFile.remove(path(folder)) }
}
