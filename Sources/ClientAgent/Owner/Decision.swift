internal import Cryptography
internal import Glibc
internal import Ledger
internal import Notation
package import Operations

/// A site's verdict on a task that its people name by digest or by name.
package enum Decision {
    /// Fewest digits of a digest that stand for the whole.
    package static let fewestDigits = 8

    /// The task that a word means: a whole digest, at least ``fewestDigits`` first digits of one, with or without blanks, or
    /// the name of a task that a server asks for now. Throws a ``Failure`` where it means none, or more than one.
    package static func digest(
        of word: String, _ configuration: AgentConfiguration, log: Logger
    ) throws -> String {
        let digits = word.filter { $0 != " " }.lowercased()
        if Hexadecimal.isText(digits, ofBytes: 32) { return digits }
        let isPrefix = digits.utf8.count >= fewestDigits && digits.allSatisfy { $0.isHexDigit && $0.isASCII }
        let decided = try Approvals(
            in: configuration.stateDirectory, reviewers: configuration.policy.reviewers
        ).verdicts.map(\.digest)
        let answer = try TaskInquiry.ask(configuration, log: log)
        var found = Set(answer.tasks.filter { $0.name == word }.map(\.digest))
        if isPrefix {
            found.formUnion((decided + answer.tasks.map(\.digest)).filter { $0.hasPrefix(digits) })
        }
        guard let digest = found.first else {
            if let (_, failure) = answer.failures.first { throw failure }
            throw Failure(
                .invalidInput,
                "no server asks for a task \"\(word)\"; sordino-agent tasks lists them, and a digest needs at least"
                    + " \(fewestDigits) of its digits")
        }
        guard found.count == 1 else {
            throw Failure(
                .invalidInput,
                "\"\(word)\" means \(found.count) tasks: \(found.sorted().map { String($0.prefix(16)) }.joined(separator: ", "));"
                    + " give more digits")
        }
        return digest
    }

    /// Takes a verdict down for the agent of a configuration. Throws a ``Failure``.
    package static func take(_ verdict: Verdict, _ configuration: AgentConfiguration) throws {
        try Approvals.append(
            verdict, in: configuration.stateDirectory, reviewers: configuration.policy.reviewers,
            now: time(nil))
    }
}

/// A reviewer's key: a file that only its owner reads, and the public half that sites name in `policy.approvals_from`.
package enum ReviewerKey {
    private static let head = "sordino reviewer key v1\n"

    /// Makes a key and writes it. Returns the public half, 64 hexadecimal digits. Throws a storage ``Failure``, also where
    /// the file is there already: a key is never replaced.
    package static func make(_ path: String) throws -> String {
        var status = stat()
        guard lstat(path, &status) != 0 else {
            throw Failure(.storage, "\(path): is there already; a reviewer's key is never replaced")
        }
        let key = try Signature.PrivateKey()
        let seed = try key.seed().withUnsafeBytes { Hexadecimal.text(of: Array($0)) }
        try AtomicFile.write("\(head)\(seed)\n", to: path, mode: 0o600)
        return Hexadecimal.text(of: key.publicKey.bytes)
    }

    /// Signs a verdict with the key in a file. Throws a ``Failure`` with status 3 where there is none, or where others may
    /// read it.
    package static func sign(_ verdict: Verdict, with path: String) throws -> Verdict {
        var status = stat()
        guard let bytes = try StoredFile.bytes(at: path, limit: 4096), stat(path, &status) == 0 else {
            throw Failure(.invalidInput, "\(path): no such file; sordino-agent reviewer-key makes one")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw Failure(.invalidInput, "\(path): others may read it: run chmod 600 on it")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.hasPrefix(head), text.hasSuffix("\n"),
            let seed = Hexadecimal.bytes(of: text.dropFirst(head.count).dropLast(), count: 32)
        else { throw Failure(.invalidInput, "\(path): is no reviewer's key that this program wrote") }
        return try verdict.signed(with: Signature.PrivateKey(seed: SecretBytes(copying: seed)))
    }
}
