package import Configuration
internal import Messages
internal import Notation
internal import Operations

/// One report that left this host.
package struct SentReport: Equatable, Sendable {
    package var run: String
    package var round: Int
    /// The server that it went to, `host:port`.
    package var server: String
    /// Seconds since 1970 when the server had answered.
    package var time: Int
    /// Bytes of the body, header included, and their SHA-256: of a masked report those of the masked vector.
    package var bytes: Int
    package var sha256: String
    /// Whether the server took it.
    package var isAccepted: Bool

    /// As JSON.
    package var json: JSONValue {
        .object([
            "run": .string(run), "round": .integer(round), "server": .string(server), "time": .integer(time),
            "bytes": .integer(bytes), "sha256": .string(sha256), "accepted": .bool(isAccepted),
        ])
    }

    /// Reads ``json``. Throws ``ConfigurationError``.
    init(_ json: JSONValue) throws {
        let section = try Section(json, path: "")
        func need<Value>(_ key: String, _ value: Value?) throws -> Value {
            guard let value else { throw section.error(key, "is missing or is none") }
            return value
        }
        run = try need(
            "run",
            section.string("run").flatMap {
                Hexadecimal.isText($0, ofBytes: AgentProtocol.runBytes) ? $0 : nil
            })
        round = try need("round", section.integer("round", in: 1...Int(Int32.max)))
        server = try need("server", section.string("server"))
        time = try need("time", section.integer("time", in: 0...1_000_000_000_000))
        bytes = try need("bytes", section.integer("bytes", in: 0...Int.max))
        sha256 = try need(
            "sha256",
            section.string("sha256").flatMap {
                Hexadecimal.isText($0, ofBytes: 32) ? $0 : nil
            })
        isAccepted = try need("accepted", section.bool("accepted"))
        try section.finish()
    }

    package init(
        run: String, round: Int, server: String, time: Int, bytes: Int, sha256: String, isAccepted: Bool
    ) {
        (self.run, self.round, self.server, self.time) = (run, round, server, time)
        (self.bytes, self.sha256, self.isAccepted) = (bytes, sha256, isAccepted)
    }
}

/// What was sent, when and how large: `sent.jsonl` in the state directory, one report a line, written when the server has
/// answered. The newest ``most`` are kept.
package struct SentJournal: Sendable {
    /// The file's name in the state directory.
    package static let fileName = "sent.jsonl"
    /// Reports that are kept at least; twice as many at most.
    package static let most = 2048
    private static let limit = 16 << 20

    private let path: String
    private let limitOfLines: Int

    /// The journal of a state directory; nothing is made yet.
    package init(_ folder: String, most: Int = most) {
        path = "\(folder)/\(Self.fileName)"
        limitOfLines = most
    }

    /// The reports, the oldest first, each round once: an agent that is killed between answer and entry notes a report
    /// again. Throws a storage ``Failure`` where the file is damaged; a last line that is cut is what a crash leaves.
    package func reports() throws -> [SentReport] {
        let bytes = try StateDirectory.contents(of: path, limit: Self.limit) ?? []
        var reports: [SentReport] = []
        var places: [String: Int] = [:]
        for (number, line) in bytes[..<(1 + (bytes.lastIndex(of: 0x0A) ?? -1))]
            .split(separator: 0x0A).enumerated()
        {
            do {
                let report = try SentReport(JSONValue(json5: line, source: "line"))
                let name = "\(report.run)-\(report.round)"
                if let place = places[name] {
                    reports[place] = report
                } else {
                    places[name] = reports.count
                    reports.append(report)
                }
            } catch {
                throw Failure(
                    .storage,
                    "\(path): line \(number + 1) is not what this program writes (\(error)); move the file away: it is the"
                        + " owner's own record, and no round depends on it")
            }
        }
        return reports
    }

    /// Notes a report, durably. Throws a storage ``Failure``.
    package func note(_ report: SentReport) throws {
        let bytes = try StateDirectory.contents(of: path, limit: Self.limit) ?? []
        let whole = bytes[..<(1 + (bytes.lastIndex(of: 0x0A) ?? -1))]
        let line = Array("\(report.json.text())\n".utf8)
        let isLong = whole.count { $0 == 0x0A } >= 2 * limitOfLines
        guard isLong || whole.count < bytes.count else {
            return try AppendOnlyFile(path: path).append(line)
        }
        let kept = whole.split(separator: 0x0A).suffix(isLong ? limitOfLines - 1 : Int.max)
        try AtomicFile.write(Array(kept.joined(separator: [0x0A])) + [0x0A] + line, to: path, mode: 0o600)
    }
}
