internal import Cryptography
internal import Foundation
internal import Messages
internal import Notation
internal import Synchronization

/// Sessions of browsers: a random cookie, kept as its hash, and a second secret that actions must repeat. They end
/// with the process or after twelve hours.
final class AdminSessions: Sendable {
    /// What a browser gets at login.
    struct Opened: Sendable {
        let cookie: String
        let forgeryToken: String
    }

    private struct Session {
        /// SHA-256 of the token that opened it.
        let tokenHash: [UInt8]
        let forgeryToken: String
        let expires: Double
    }

    private static let lifetime = 12.0 * 3600
    private static let mostSessions = 256

    private let sessions = Mutex<[[UInt8]: Session]>([:])

    /// Opens a session for the holder of a token; throws when there is no randomness.
    func open(token: String) throws -> Opened {
        let tokenHash = try SHA256.hash(Array(token.utf8))
        let cookie = Hexadecimal.text(of: try SecureRandom.bytes(count: 32))
        let forgeryToken = Hexadecimal.text(of: try SecureRandom.bytes(count: 32))
        let hash = try SHA256.hash(Array(cookie.utf8))
        let now = Date().timeIntervalSince1970
        sessions.withLock { sessions in
            sessions = sessions.filter { $0.value.expires > now }
            if sessions.count >= Self.mostSessions,
                let oldest = sessions.min(by: { $0.value.expires < $1.value.expires })
            {
                sessions[oldest.key] = nil
            }
            sessions[hash] = Session(
                tokenHash: tokenHash, forgeryToken: forgeryToken,
                expires: now + Self.lifetime)
        }
        return Opened(cookie: cookie, forgeryToken: forgeryToken)
    }

    /// The SHA-256 of the token that opened the cookie's session, which says whose it is, and the secret that its actions
    /// must repeat; nil for no session.
    func session(_ cookie: String) -> (tokenHash: [UInt8], forgeryToken: String)? {
        guard let hash = try? SHA256.hash(Array(cookie.utf8)) else { return nil }
        let now = Date().timeIntervalSince1970
        return sessions.withLock { sessions in
            guard let session = sessions[hash], session.expires > now else { return nil }
            return (session.tokenHash, session.forgeryToken)
        }
    }

    /// Ends a session.
    func close(_ cookie: String) {
        guard let hash = try? SHA256.hash(Array(cookie.utf8)) else { return }
        sessions.withLock { $0[hash] = nil }
    }
}
