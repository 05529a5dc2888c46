package import Custody
internal import Ledger
internal import Operations

/// A server's audit log, read from its files: beside the server, or where there is none.
package struct AuditReading {
    /// The log's file.
    package let path: String
    package let verdict: SignedLogVerdict
    private let lines: [SignedLine<AuditEntry>]

    /// Reads the log of a state directory, held against the head that lies beside it and against the key: `publicKey`, or
    /// the directory's own where that can be read, or else that of the first line. `file`: the log is elsewhere. Throws a
    /// storage `Failure` where there is none.
    package init(_ directory: String, file: String? = nil, publicKey: String? = nil) throws {
        let place = StateDirectory.auditPlace(in: directory, file)
        path = place.path
        // The head first: the server may be writing, and its log is never behind its head.
        let head = try SignedLog<AuditEntry>.recordedHead(place)
        guard let bytes = try StoredFile.bytes(at: path, limit: SignedLog<AuditEntry>.sizeLimit) else {
            throw Failure(
                .storage,
                head == nil
                    ? "\(path): there is no audit log" : "\(path): missing, though \(place.head) is there")
        }
        let key = try publicKey ?? StateDirectory.signingKey(in: directory).read()?.publicKey
        var lines: [SignedLine<AuditEntry>] = []
        verdict = SignedLogReading<AuditEntry>(log: place.name, key: key, anchor: head).read(bytes) {
            line, _ in
            lines.append(line)
            return nil
        }
        self.lines = lines
    }

    /// The sound lines of these numbers, one a line of text as the file has them.
    package func text(_ numbers: ClosedRange<Int>) -> String {
        chosen(numbers).map { $0.text + "\n" }.joined()
    }

    /// The same for people.
    package func table(_ numbers: ClosedRange<Int>, width: Int?) -> String {
        PeopleText.audit(chosen(numbers), width: width)
    }

    private func chosen(_ numbers: ClosedRange<Int>) -> [SignedLine<AuditEntry>] {
        lines.filter { numbers.contains($0.sequence) }
    }

    /// The number of the last of these lines, as a server sent them; nil where there is none. Throws for what is no such
    /// line.
    package static func lastNumber(_ bytes: [UInt8]) throws -> Int? {
        guard let last = bytes.split(separator: UInt8(ascii: "\n")).last else { return nil }
        guard let line = SignedLine<AuditEntry>(text: last) else {
            throw Failure(.network, "the server's answer is no part of an audit log")
        }
        return line.sequence
    }
}
