package import FoundationEssentials

/// How near the end of something is that counts for a time only.
package enum ExpiryLevel: String, CaseIterable, Codable, Sendable {
    /// More than thirty days are left, or it has no end.
    case fine = "ok"
    /// At most thirty days are left.
    case notice
    /// At most fourteen days are left.
    case warning
    /// At most three days are left.
    case critical
    /// Its end has come.
    case expired
    /// Its time has not begun.
    case notYetValid = "not_yet_valid"

    /// Whether the thing counts at this moment.
    package var counts: Bool {
        switch self {
        case .fine, .notice, .warning, .critical: true
        case .expired, .notYetValid: false
        }
    }
}

/// Something that counts for a time only: a certificate, a revocation list, an admin token. Pure: the moment is
/// always the caller's.
package struct Expiry: Equatable, Sendable {
    /// What kind of thing it is: how much depends on it, and how it is renewed.
    package enum Kind: Equatable, Sendable {
        /// The certificate that a server shows.
        case serverCertificate
        /// The certificate that an agent shows.
        case agentCertificate
        /// A certificate sent along with one's own.
        case intermediate
        /// A certificate that others are trusted by.
        case authority
        case revocationList
        case adminToken
    }

    package let kind: Kind
    /// What it is called in logs and metrics, such as `server certificate`; unique in a list.
    package let what: String
    /// The file that holds it.
    package let path: String
    /// Whose it is: a certificate's subject, a list's issuer, a token's name.
    package let subject: String
    /// First moment at which it counts; nil: always has.
    package let notBefore: Date?
    /// The moment from which on it no longer counts.
    package let notAfter: Date

    package init(
        _ kind: Kind, _ what: String, path: String, subject: String, notBefore: Date?, notAfter: Date
    ) {
        self.kind = kind
        self.what = what
        self.path = path
        self.subject = subject
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// Days at which the level rises.
    private static let steps: [(days: Double, level: ExpiryLevel)] = [
        (3, .critical), (14, .warning), (30, .notice),
    ]

    /// Whole seconds left at `now`; negative after the end.
    package func secondsLeft(at now: Date) -> Int {
        Int(notAfter.timeIntervalSince(now).rounded(.down))
    }

    /// How near the end is at `now`. At the very second of `notAfter` it has come, as for OpenSSL.
    package func level(at now: Date) -> ExpiryLevel {
        let left = notAfter.timeIntervalSince(now)
        if left <= 0 { return .expired }
        if let notBefore, now < notBefore { return .notYetValid }
        return Self.steps.first { left <= $0.days * 86_400 }?.level ?? .fine
    }

    /// One line for a log or a person: what, which file, whose, its dates, and how to renew it.
    package func sentence(at now: Date) -> String {
        "\(thing) \(state(at: now)); \(remedy(at: now))"
    }

    /// The same without file and remedy, for anybody who may ask.
    package func publicSentence(at now: Date) -> String { "the \(what) \(state(at: now))" }

    private var thing: String { "the \(what) \(path) (\(subject))" }

    private func state(at now: Date) -> String {
        let end = Self.text(notAfter)
        switch level(at: now) {
        case .fine: return "is good until \(end)"
        case .notice, .warning, .critical:
            let days = secondsLeft(at: now) / 86_400
            let left =
                days >= 2 ? "in \(days) days" : days == 1 ? "within two days" : "within a day"
            return "expires \(left), on \(end)"
        case .expired:
            return notBefore.map { "has expired: it was good from \(Self.text($0)) to \(end)" }
                ?? "has expired on \(end)"
        case .notYetValid:
            return "is not valid yet: it is good from \(notBefore.map(Self.text) ?? end) to \(end)"
        }
    }

    private func remedy(at now: Date) -> String {
        if level(at: now) == .notYetValid, kind != .adminToken {
            return "set this host's clock, or wait, or replace it"
        }
        switch kind {
        case .serverCertificate:
            return
                "renew it with sordino certs renew AUTHORITY NAME --key KEY --out \(path), or have your own authority renew it"
        case .agentCertificate:
            return "enrol this agent again, or have your own authority renew it"
        case .intermediate: return "have its authority renew it, and put the new one into the file"
        case .authority: return "put its successor into the file on every host"
        case .revocationList:
            return "sign a new one with sordino certs renew AUTHORITY and copy it here"
        case .adminToken: return "make a new one with sordino certs admin-token"
        }
    }

    /// A moment in UTC, ISO 8601.
    package static func text(_ date: Date) -> String { date.formatted(Date.ISO8601FormatStyle()) }
}

/// Remembers what was said of each thing, so that each crossing of a threshold is told once.
package struct ExpiryJournal: Sendable {
    private struct Key: Hashable {
        let what: String
        let path: String
        let notAfter: Date
    }

    private var told: [Key: ExpiryLevel] = [:]

    package init() {}

    /// Those of `list` whose level at `now` is not fine and was not told before. What is renewed begins anew.
    package mutating func news(_ list: [Expiry], at now: Date) -> [(expiry: Expiry, level: ExpiryLevel)] {
        var levels: [Key: ExpiryLevel] = [:]
        var news: [(expiry: Expiry, level: ExpiryLevel)] = []
        for expiry in list {
            let key = Key(what: expiry.what, path: expiry.path, notAfter: expiry.notAfter)
            let level = expiry.level(at: now)
            levels[key] = level
            if level != .fine, told[key] != level { news.append((expiry, level)) }
        }
        told = levels
        return news
    }
}
