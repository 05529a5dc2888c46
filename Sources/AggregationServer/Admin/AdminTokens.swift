internal import Cryptography
internal import Foundation
internal import Operations
internal import Synchronization

/// The admin tokens of the server's file (``AdminTokenFile``), as hashes. Tokens are 32 random bytes and more, so that a
/// plain hash tells nothing. Read again when the file changes.
final class AdminTokens: Sendable {
    private struct State {
        var tokens: [TokenRecord] = []
        var stamp: FileStamp?
    }

    /// The file; nil where the server has none.
    let file: AdminTokenFile?
    private let now: @Sendable () -> Date
    private let changed: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// Reads the file. `changed` is told in words of each change of it. Throws ``ConfigurationError`` when it is missing,
    /// malformed or readable by others.
    init(
        path: String?, now: @escaping @Sendable () -> Date = { Date() },
        changed: @escaping @Sendable (String) -> Void = { _ in }
    ) throws {
        file = path.map(AdminTokenFile.init)
        self.now = now
        self.changed = changed
        guard let file else { return }
        let stamp = FileStamp(file.path)
        let tokens = try file.read()
        state.withLock { $0 = State(tokens: tokens, stamp: stamp) }
    }

    /// What a token is worth.
    enum Verdict: Equatable, Sendable {
        /// Good until its end, in seconds since 1970; nil: without end.
        case good(Administrator, expires: Int?)
        /// Its time is over.
        case expired(name: String, at: Int)
        /// Nobody's.
        case unknown
    }

    /// What this token is worth now. Every stored hash is compared, in constant time.
    func verdict(_ token: String) -> Verdict {
        guard let hash = try? SHA256.hash(Array(token.utf8)) else { return .unknown }
        return verdict(hash: hash)
    }

    /// The same by the token's SHA-256.
    func verdict(hash: [UInt8]) -> Verdict {
        reloadIfChanged()
        let now = Int(now().timeIntervalSince1970)
        var verdict = Verdict.unknown
        for known in state.withLock({ $0.tokens }) where Self.areEqual(known.hash, hash) {
            if let end = known.expires, end <= now {
                verdict = .expired(name: known.name, at: end)
            } else {
                verdict = .good(known.administrator, expires: known.expires)
            }
        }
        return verdict
    }

    /// All tokens, those included that have expired.
    var records: [TokenRecord] {
        reloadIfChanged()
        return state.withLock { $0.tokens }
    }

    /// The tokens that have an end, as things that expire.
    var expiries: [Expiry] {
        var seen: [String: Int] = [:]
        return records.compactMap { token in
            guard let end = token.expires, let file else { return nil }
            let name = token.name
            seen[name, default: 0] += 1
            let what = "admin token \(name)" + (seen[name] == 1 ? "" : " \(seen[name, default: 0])")
            return Expiry(
                .adminToken, what, path: file.path, subject: token.role.rawValue, notBefore: nil,
                notAfter: Date(timeIntervalSince1970: Double(end)))
        }
    }

    /// Compares without telling where they differ.
    static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private func reloadIfChanged() {
        guard let file else { return }
        let stamp = FileStamp(file.path)
        guard state.withLock({ $0.stamp != stamp }) else { return }
        // A file that became unreadable or malformed lets nobody in.
        let tokens = (try? file.read()) ?? []
        let before = state.withLock { state in
            defer { state = State(tokens: tokens, stamp: stamp) }
            return state.stamp == stamp ? tokens : state.tokens
        }
        guard tokens != before else { return }
        let ended = before.filter { !tokens.contains($0) }.map { "-\($0.name) (\($0.role.rawValue))" }
        let made = tokens.filter { !before.contains($0) }.map { "+\($0.name) (\($0.role.rawValue))" }
        changed((ended + made).joined(separator: ", "))
    }
}
