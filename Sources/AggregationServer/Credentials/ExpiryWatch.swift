internal import Cryptography
internal import Federation
internal import Foundation
internal import Operations
internal import Synchronization

/// Keeps an eye on everything of the server's that expires: tells the log of each threshold once, and puts the list
/// where status, metrics and readiness find it.
final class ExpiryWatch: Sendable {
    private struct State {
        var journal = ExpiryJournal()
        var files: [Expiry] = []
        var stamps: [FileStamp] = []
    }

    private let tls: ServerSettings.TLSFiles
    private let tokens: AdminTokens
    private let condition: ServerCondition
    private let log: Logger
    private let notices: NoticeSender?
    private let task: String
    private let now: @Sendable () -> Date
    private let state = Mutex(State())

    init(
        _ settings: ServerSettings, task: String = "", tokens: AdminTokens, condition: ServerCondition,
        notices: NoticeSender? = nil, log: Logger,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        tls = settings.tls
        self.tokens = tokens
        self.condition = condition
        self.log = log
        self.notices = notices
        self.task = task
        self.now = now
    }

    /// Reads the files again where they have changed, and tells what is new; to be called every second or so.
    func look() {
        let now = now()
        let paths = [tls.certificate, tls.authority, tls.revocations].compactMap { $0 }
        let news = state.withLock { state in
            let stamps = paths.map(FileStamp.init)
            if state.stamps != stamps {
                state.stamps = stamps
                do {
                    state.files = try ServerExpiries.files(tls)
                } catch {
                    // What was read before stays in force, as it does in TLS.
                    log.error(
                        "certificates cannot be looked at",
                        ["reason": .text(Failure(wrapping: error).message)])
                }
            }
            let list = state.files + tokens.expiries
            condition.expiries = list
            return state.journal.news(list, at: now)
        }
        for (expiry, level) in news {
            let fields: KeyValuePairs<String, Logger.Value> = [
                "what": .text(expiry.what), "level": .text(level.rawValue),
                "seconds_left": .integer(expiry.secondsLeft(at: now)),
            ]
            call(expiry, level, at: now)
            switch level {
            case .fine: break
            case .notice, .warning, .critical: log.warning(expiry.sentence(at: now), fields)
            case .expired where expiry.kind == .adminToken: log.warning(expiry.sentence(at: now), fields)
            case .expired, .notYetValid: log.error(expiry.sentence(at: now), fields)
            }
        }
    }

    /// Calls those who want to know. A list lasts for thirty days and is signed anew before, so that its first level is no
    /// news.
    private func call(_ expiry: Expiry, _ level: ExpiryLevel, at now: Date) {
        guard level != .fine, level != .notice || expiry.kind != .revocationList else { return }
        let end = Int(expiry.notAfter.timeIntervalSince1970)
        notices?.send(
            Notice(
                .expiry, occasion: "\(expiry.what) \(end) \(level.rawValue)", run: nil, task: task,
                time: now.timeIntervalSince1970, text: expiry.sentence(at: now),
                numbers: ["seconds_left": Double(expiry.secondsLeft(at: now))]))
    }
}

/// One of `expiries` in `GET /api/status`.
struct ExpiryView: Encodable, Sendable {
    /// What expires, such as `server certificate`.
    var name: String
    var path: String
    /// A certificate's subject, a list's authority or a token's name.
    var subject: String
    /// Seconds since 1970; nil where it has always counted.
    var notBefore: Int?
    var notAfter: Int
    /// Negative after the end.
    var secondsLeft: Int
    /// `ok`, `notice` (30 days), `warning` (14), `critical` (3), `expired` or `not_yet_valid`.
    var level: String
    /// One sentence for people.
    var text: String

    init(_ expiry: Expiry, at now: Date) {
        name = expiry.what
        path = expiry.path
        subject = expiry.subject
        notBefore = expiry.notBefore.map { Int($0.timeIntervalSince1970) }
        notAfter = Int(expiry.notAfter.timeIntervalSince1970)
        secondsLeft = expiry.secondsLeft(at: now)
        level = expiry.level(at: now).rawValue
        text = expiry.publicSentence(at: now)
    }
}
