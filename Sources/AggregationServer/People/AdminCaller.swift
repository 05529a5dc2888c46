internal import Cryptography
internal import Foundation
internal import HTTPWire
internal import Transport

/// An administrator who was recognised, and the session's secrets where a browser asks.
struct AdminCaller {
    let administrator: Administrator
    /// SHA-256 of the token.
    let tokenHash: [UInt8]
    var cookie: String?
    /// What `X-CSRF-Token` of this session's actions must say.
    var forgeryToken: String?
}

/// What a request's token or session is worth.
enum AdminRecognition {
    case known(AdminCaller)
    /// With the reason, for whoever asks.
    case refused(String)
}

/// Recognises administrators by their tokens, and browsers by the sessions that they open with them.
struct AdminRecogniser: Sendable {
    /// The name of a session's cookie.
    static let cookieName = "__Host-sordino"

    private static let unknown = "an admin token is needed"

    let tokens: AdminTokens
    let sessions: AdminSessions

    /// Who asks. A session is worth no more than the token that opened it is now.
    func caller(_ request: HTTPRequest) -> AdminRecognition {
        if let field = request.head.headers["authorization"] {
            guard field.hasPrefix("Bearer "),
                let hash = try? SHA256.hash(Array(field.dropFirst(7).utf8))
            else { return .refused(Self.unknown) }
            return recognition(hash)
        }
        for field in request.head.headers.all("cookie") {
            for pair in field.split(separator: ";") {
                let text = pair.trimmingPrefix(" ")
                guard text.hasPrefix(Self.cookieName + "=") else { continue }
                let cookie = String(text.dropFirst(Self.cookieName.count + 1))
                guard let (hash, secret) = sessions.session(cookie) else { continue }
                return recognition(hash, cookie: cookie, forgeryToken: secret)
            }
        }
        return .refused(Self.unknown)
    }

    /// Whose the token of this hash is, as it is now; nil: it is good no more.
    func holder(of hash: [UInt8]) -> Administrator? {
        guard case .good(let administrator, _) = tokens.verdict(hash: hash) else { return nil }
        return administrator
    }

    /// Why a token that was once good is refused.
    static func expiredToken(_ name: String, _ end: Int) -> String {
        let date = Expiry.text(Date(timeIntervalSince1970: Double(end)))
        return
            "the admin token of \(name) has expired on \(date): make a new one with sordino certs admin-token"
    }

    private func recognition(
        _ hash: [UInt8], cookie: String? = nil, forgeryToken: String? = nil
    ) -> AdminRecognition {
        switch tokens.verdict(hash: hash) {
        case .good(let administrator, _):
            .known(
                AdminCaller(
                    administrator: administrator, tokenHash: hash, cookie: cookie, forgeryToken: forgeryToken)
            )
        case .expired(let name, let end): .refused(Self.expiredToken(name, end))
        case .unknown: .refused(Self.unknown)
        }
    }
}
