internal import Operations
internal import Synchronization

/// The last things that happened to the run, for the dashboard: joins, drops, publications, refusals, orders and
/// everything that the log warns of. In memory only, since the process started; the log has them all.
///
/// A viewer is told less than the log: never which agent was in which round, which sampling may keep secret, nor what
/// an agent wrote.
final class RecentEvents: Sendable {
    /// What kind of thing happened.
    enum Kind: String, Encodable, Sendable { case join, drop, publication, refusal, round, order, warning }

    /// One of them.
    struct Event: Encodable, Sendable, Equatable {
        /// Seconds since 1970.
        var time: Double
        var kind: Kind
        var text: String
        var round: Int?
        /// How often it happened, without anything else between.
        var count = 1
    }

    /// Events of each kind that are kept: neither fast rounds nor whoever knocks at the port all day push the others out.
    static let most = 15

    private let events = Mutex<[Event]>([])

    /// The events, the newest first.
    var newestFirst: [Event] { events.withLock { $0.reversed() } }

    /// Keeps what a line of the log says, where it is one to be shown.
    func note(_ line: Logger.Line) {
        guard let event = Self.event(line) else { return }
        events.withLock { events in
            if let last = events.last,
                (last.kind, last.text, last.round) == (event.kind, event.text, event.round)
            {
                events[events.count - 1].count += 1
                events[events.count - 1].time = event.time
                return
            }
            if events.count(where: { $0.kind == event.kind }) >= Self.most,
                let oldest = events.firstIndex(where: { $0.kind == event.kind })
            {
                events.remove(at: oldest)
            }
            events.append(event)
        }
    }

    private static let kinds: [String: Kind] = [
        "agent joined": .join, "agent gave up": .drop, "agent revoked": .order, "paused": .order,
        "resumed": .order, "stopping after the open round": .order, "round opened": .round,
        "round published": .publication, "round abandoned": .round, "run finished": .publication,
        "the run goes on": .round, "report turned away": .refusal, "message refused": .refusal,
        "agent turned away": .refusal, "certificate refused": .refusal, "handshake refused": .refusal,
        "request refused": .refusal, "connection refused": .refusal,
    ]
    /// Whose name is shown: who joined or was shut out is in the table of agents too.
    private static let naming: Set<String> = ["agent joined", "agent revoked", "agent turned away"]

    private static func event(_ line: Logger.Line) -> Event? {
        guard let kind = kinds[line.message] ?? (line.level >= .warning ? .warning : nil) else { return nil }
        var text = line.message
        if naming.contains(line.message), let agent = line.text("agent") { text += ": " + agent }
        if let actor = line.text("actor") { text += ", by " + actor }
        if let why = line.text("reason") ?? line.text("why") { text += ": " + why }
        // Long texts are for the log.
        return Event(
            time: line.time, kind: kind, text: String(text.prefix(200)), round: line.integer("round"))
    }
}
