internal import Configuration
internal import Cryptography
internal import Foundation
internal import Glibc
internal import Messages
internal import Notation
internal import Synchronization

/// What an administrator may do.
enum AdminRole: String, Codable, Sendable, CaseIterable {
    /// See everything that the admin listener shows.
    case viewer
    /// Also pause, resume, stop and revoke.
    case `operator`
}

/// Who asks.
struct Administrator: Equatable, Sendable {
    let name: String
    let role: AdminRole
}

/// The admin tokens, as hashes: `{ tokens: [ { name, role, sha256, expires? } ] }`, with the SHA-256 of each
/// token in hexadecimal and its end in seconds since 1970. Tokens are 32 random bytes and more, so that a plain
/// hash tells nothing. Read again when the file changes.
final class AdminTokens: Sendable {
    private struct Token {
        let hash: [UInt8]
        let administrator: Administrator
        let expires: Int?
    }

    private struct State {
        var tokens: [Token] = []
        var stamp: [Int] = []
    }

    private let path: String?
    private let now: @Sendable () -> Date
    private let state = Mutex(State())

    /// Reads the file. Throws ``ConfigurationError`` when it is missing, malformed or readable by others.
    init(path: String?, now: @escaping @Sendable () -> Date = { Date() }) throws {
        self.path = path
        self.now = now
        guard let path else { return }
        let tokens = try Self.read(path)
        state.withLock { $0 = State(tokens: tokens, stamp: Self.stamp(path)) }
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
                verdict = .expired(name: known.administrator.name, at: end)
            } else {
                verdict = .good(known.administrator, expires: known.expires)
            }
        }
        return verdict
    }

    /// The tokens that have an end, as things that expire.
    var expiries: [Expiry] {
        reloadIfChanged()
        var seen: [String: Int] = [:]
        return state.withLock { $0.tokens }.compactMap { token in
            guard let end = token.expires, let path else { return nil }
            let name = token.administrator.name
            seen[name, default: 0] += 1
            let what = "admin token \(name)" + (seen[name] == 1 ? "" : " \(seen[name, default: 0])")
            return Expiry(
                .adminToken, what, path: path, subject: token.administrator.role.rawValue, notBefore: nil,
                notAfter: Date(timeIntervalSince1970: Double(end)))
        }
    }

    /// Compares without telling where they differ.
    static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private func reloadIfChanged() {
        guard let path else { return }
        let stamp = Self.stamp(path)
        guard state.withLock({ $0.stamp != stamp }) else { return }
        // A file that became unreadable or malformed lets nobody in.
        let tokens = (try? Self.read(path)) ?? []
        state.withLock { $0 = State(tokens: tokens, stamp: stamp) }
    }

    private static func stamp(_ path: String) -> [Int] {
        var status = stat()
        guard stat(path, &status) == 0 else { return [] }
        return [Int(status.st_ino), Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
    }

    private static func read(_ path: String) throws -> [Token] {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw ConfigurationError(
                path: path, problem: "cannot be read; make a token with sordino certs admin-token")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw ConfigurationError(path: path, problem: "may be read by others; set its mode to 0600")
        }
        let root = try Section(ConfigurationDocument(contentsOf: path).root, path: path)
        let tokens = try (root.list("tokens") ?? []).enumerated().map { index, item in
            let section = try Section(item, path: "\(path): tokens[\(index)]")
            guard let name = try section.string("name") else { throw section.error("name", "is missing") }
            guard let role = try section.choice("role", of: AdminRole.self) else {
                throw section.error("role", "is missing: viewer or operator")
            }
            guard let text = try section.string("sha256"), let hash = Hexadecimal.bytes(of: text, count: 32)
            else {
                throw section.error("sha256", "must be 64 lower-case hexadecimal digits")
            }
            let expires = try section.integer("expires")
            try section.finish()
            return Token(
                hash: hash, administrator: Administrator(name: name, role: role), expires: expires)
        }
        try root.finish()
        return tokens
    }
}

extension Administrator {
    /// Whether a run that the holder of the token `name` submitted is shown to this one; nil: the server's own task.
    func maySee(runSubmittedBy name: String?) -> Bool { true }

    /// Whether this one may end, pause or archive such a run.
    func mayChange(runSubmittedBy name: String?) -> Bool { role == .operator }
}
