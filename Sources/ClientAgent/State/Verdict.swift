package import Configuration
package import Cryptography
internal import Notation
internal import Operations

/// What somebody decided about a task, by its digest.
package struct Verdict: Equatable, Sendable {
    /// What was decided.
    package enum Kind: String, CaseIterable, Sendable {
        /// The task may be served.
        case approve
        /// It may not.
        case refuse
        /// An approval is taken back: it may not from now on.
        case withdraw
    }

    /// Who decided elsewhere: the reviewer's key and its signature of the verdict, in hexadecimal digits.
    package struct Seal: Equatable, Sendable {
        package var key: String
        package var signature: String
    }

    package var kind: Kind
    /// SHA-256 of the task's text, 64 hexadecimal digits.
    package var digest: String
    /// Seconds since 1970.
    package var time: Int
    /// Why, in one line.
    package var reason: String?
    /// Nil for the site's own people.
    package var seal: Seal?

    package init(_ kind: Kind, digest: String, time: Int, reason: String? = nil, seal: Seal? = nil) {
        self.kind = kind
        self.digest = digest
        self.time = time
        self.reason = reason
        self.seal = seal
    }

    /// Bytes of the longest reason.
    package static let longestReason = 1000

    /// What a reviewer signs: one line a fact, and the reason, which has no line break, last.
    package var statement: [UInt8] {
        Array("sordino verdict v1\n\(kind.rawValue)\n\(digest)\n\(time)\n\(reason ?? "")\n".utf8)
    }

    /// The verdict with the seal of a key.
    package func signed(with key: Signature.PrivateKey) throws -> Verdict {
        var signed = self
        signed.seal = Seal(
            key: Hexadecimal.text(of: key.publicKey.bytes),
            signature: Hexadecimal.text(of: try key.sign(statement)))
        return signed
    }

    /// Whether the seal is its key's; true without one.
    package var isGenuine: Bool {
        guard let seal else { return true }
        guard let key = Hexadecimal.bytes(of: seal.key), let signature = Hexadecimal.bytes(of: seal.signature)
        else { return false }
        return (try? Signature.PublicKey(bytes: key))?.isValid(signature, for: statement) ?? false
    }

    /// The members of the verdict as files have it.
    package var members: [String: JSONValue] {
        var members: [String: JSONValue] = [
            "verdict": .string(kind.rawValue), "digest": .string(digest), "time": .integer(time),
        ]
        if let reason { members["reason"] = .string(reason) }
        if let seal {
            members["key"] = .string(seal.key)
            members["signature"] = .string(seal.signature)
        }
        return members
    }

    /// Reads ``members`` from a section that the caller finishes. Throws ``ConfigurationError``.
    package init(_ section: Section) throws {
        guard let kind = try section.choice("verdict", of: Kind.self) else {
            throw section.error("verdict", "is missing")
        }
        self.kind = kind
        func digits(_ key: String, _ bytes: Int) throws -> String? {
            guard let text = try section.string(key) else { return nil }
            guard Hexadecimal.isText(text, ofBytes: bytes) else {
                throw section.error(key, "must have \(2 * bytes) hexadecimal digits")
            }
            return text
        }
        guard let digest = try digits("digest", 32) else { throw section.error("digest", "is missing") }
        self.digest = digest
        guard let time = try section.integer("time", in: 0...1_000_000_000_000) else {
            throw section.error("time", "is missing")
        }
        self.time = time
        reason = try section.string("reason")
        guard reason.map(Self.isReason) ?? true else {
            throw section.error("reason", "must be one line of up to \(Self.longestReason) bytes")
        }
        switch (try digits("key", Signature.keyByteCount), try digits("signature", Signature.byteCount)) {
        case (nil, nil): seal = nil
        case (let key?, let signature?): seal = Seal(key: key, signature: signature)
        default: throw section.error("signature", "and key must be there both, or neither")
        }
    }

    /// Whether a text can be a verdict's reason.
    package static func isReason(_ text: String) -> Bool {
        text.utf8.count <= longestReason
            && text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
    }
}

/// A verdict that a reviewer signed, as a file that goes from site to site.
package enum SignedVerdictFile {
    /// Writes a sealed verdict. Throws a storage ``Failure``.
    package static func write(_ verdict: Verdict, to path: String) throws {
        try AtomicFile.write(JSONValue.object(verdict.members).text(indented: true) + "\n", to: path)
    }

    /// Reads one, whose signature is its key's. Throws a ``Failure`` with status 3 that names the file.
    package static func read(_ path: String) throws -> Verdict {
        guard let bytes = try StoredFile.bytes(at: path, limit: 16 << 10) else {
            throw Failure(.invalidInput, "\(path): no such file")
        }
        let verdict: Verdict
        do {
            let section = try Section(JSONValue(json5: bytes, source: path), path: path)
            verdict = try Verdict(section)
            try section.finish()
        } catch {
            throw Failure(.invalidInput, "\(path): is no signed verdict (\(error))")
        }
        guard verdict.seal != nil, verdict.isGenuine else {
            throw Failure(.refused, "\(path): the signature is not one of this verdict under its key")
        }
        return verdict
    }
}
