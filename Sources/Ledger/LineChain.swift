internal import Notation

/// The rules by which one line follows another in a chained and signed log: content, signature, key and place.
package struct LineChain: Sendable {
    private let hash: any LedgerHash
    private let verifier: any LedgerVerifier
    private let trustedKey: String?

    /// With `trustedKey` every line must be signed by it; without, by the key of the line before.
    package init(hash: any LedgerHash, verifier: any LedgerVerifier, trustedKey: String?) {
        self.hash = hash
        self.verifier = verifier
        self.trustedKey = trustedKey
    }

    /// What is wrong with a line that follows `last`, in words that name the place; none where it is sound.
    package func reasons<Entry>(against line: SignedLine<Entry>, after last: SignedLine<Entry>?) -> [String] {
        var reasons = contentReasons(against: line)
        if let key = trustedKey ?? last?.publicKey, line.publicKey != key {
            reasons.append(
                "inserted or edited: signed by the key \(line.publicKey.prefix(16))…, not \(key.prefix(16))…")
        }
        if let last, line.run != last.run {
            reasons.append("inserted: it belongs to the \(Entry.owner) \(line.run), not \(last.run)")
        }
        let expected = (last?.sequence ?? 0) + 1
        if line.sequence > expected {
            let missing = line.sequence - expected
            reasons.append(
                "dropped or reordered: \(missing) line\(missing == 1 ? "" : "s") before it missing")
        } else if line.sequence < expected {
            reasons.append("reordered or repeated: it is line \(line.sequence)")
        } else if line.previous != last?.hash ?? SignedLine<Entry>.origin {
            reasons.append("the line before it was replaced: it has another hash than this one names")
        }
        return reasons
    }

    /// Whether the line says what its key signed, which is the trusted one; of its place nothing is known.
    package func isGenuine<Entry>(_ line: SignedLine<Entry>) -> Bool {
        line.publicKey == trustedKey && contentReasons(against: line).isEmpty
    }

    private func contentReasons<Entry>(against line: SignedLine<Entry>) -> [String] {
        let digest = line.contentDigest(hash)
        if line.hash != Hexadecimal.text(of: digest) {
            return ["edited: the content does not have the hash that the line states"]
        }
        if !verifier.isValid(signature: line.signature, of: digest, publicKey: line.publicKey) {
            return ["edited: the signature is not that of the key \(line.publicKey.prefix(16))…"]
        }
        return []
    }
}
