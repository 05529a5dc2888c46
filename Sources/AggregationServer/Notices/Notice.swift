internal import Cryptography
internal import Foundation
internal import Notation

/// Something that a person wants to be called for. It says nothing that the dashboard does not show to a viewer, and never
/// which agent was in which round.
struct Notice: Codable, Equatable, Sendable {
    /// What happened.
    enum Event: String, Codable, CaseIterable, Sendable {
        /// A run ended and has published models.
        case runFinished = "run_finished"
        /// A run ended without having published any.
        case runFailed = "run_failed"
        /// A run stalled: too many of its rounds were abandoned one after the other.
        case roundsAbandoned = "rounds_abandoned"
        /// A run has spent the configured share of its budget.
        case budget
        /// A certificate, revocation list or token is about to expire, or has.
        case expiry
        /// The server cannot write its state.
        case storage
        /// An agent has not come for the configured number of days.
        case agentGone = "agent_gone"
    }

    /// 32 hexadecimal digits: the same whenever the same thing is told again, also by another process.
    let id: String
    let event: Event
    /// Identity of the run; nil for what concerns the server as a whole.
    let run: String?
    /// Name of the task.
    let task: String
    /// Seconds since 1970.
    let time: Double
    /// One line for a person.
    let text: String
    /// Figures by their names, those of the dashboard; all finite.
    let numbers: [String: Double]

    /// Most characters of ``text``.
    static let longestText = 400

    /// A notice of something that happened at `time`, seconds since 1970. `occasion` tells one happening of an event of a
    /// run from the next. Line breaks become spaces, and figures that are not finite are left out.
    init(
        _ event: Event, occasion: String, run: String?, task: String, time: Double, text: String,
        numbers: [String: Double] = [:]
    ) {
        let name = [event.rawValue, run ?? "", occasion].joined(separator: "\n")
        id = Hexadecimal.text(of: (try? SHA256.hash(Array(name.utf8)).prefix(16)) ?? [])
        self.event = event
        self.run = run
        self.task = task
        self.time = time
        self.text = String(
            text.split(whereSeparator: \.isNewline).joined(separator: " ").prefix(Self.longestText))
        self.numbers = numbers.filter { $0.value.isFinite }
    }

    /// Whether a notice that was read from a file is one that this program could have written.
    var isSound: Bool {
        Hexadecimal.isText(id, ofBytes: 16) && text.count <= Self.longestText && time.isFinite
            && numbers.count <= 16
    }

    /// What receivers get: JSON, keys in order.
    var body: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(self))
        }
    }
}
