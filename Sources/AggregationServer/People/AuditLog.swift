internal import Custody
internal import Foundation
internal import Ledger
internal import Operations
internal import Synchronization
internal import Transport

/// The signed log of everything that administrators do or try to do. An action is in it before it is carried out, and
/// its end when it was answered.
final class AuditLog: Sendable {
    /// Most lines that one answer has.
    static let mostLines = 1000
    /// Most actions whose end is waited for.
    private static let mostOpen = 256
    /// Lines between two whose places are remembered.
    private static let stride = 256

    private struct State {
        var log: SignedLog<AuditEntry>
        /// Where the lines 1, 1 + stride, … begin.
        var places: [Int]
        var refusals = RefusalCounter()
        var pace = ActionPace()
        /// Actions that are under way.
        var open: [RequestID: AuditEntry] = [:]
        /// Whether the last line could not be written.
        var isFailing = false
    }

    private let state: Mutex<State>
    private let mirror: (@Sendable (String) -> Void)?
    private let log: Logger

    /// Opens the log, verifies all of it and mends its last line. `mirror` is given each line once it is written. Throws a
    /// storage `Failure`, one line that names the file, for a log that was cut, emptied or edited.
    init(
        _ place: SignedLog<AuditEntry>.Place, key: LedgerKey, log: Logger,
        mirror: (@Sendable (String) -> Void)? = nil
    ) throws {
        var places: [Int] = []
        let signed = try SignedLog<AuditEntry>(place, key: key) { line, offset in
            if line.sequence % Self.stride == 1 { places.append(offset) }
            return nil
        }
        state = Mutex(State(log: signed, places: places))
        self.mirror = mirror
        self.log = log
    }

    // MARK: Writing

    /// Writes what an administrator does or tried. When it throws, a storage `Failure`, the action must not be carried out.
    func record(
        _ caller: Administrator?, action: String, object: String? = nil, from: String?,
        outcome: AuditEntry.Outcome, request: RequestID? = nil
    ) throws {
        try write(Self.entry(caller, action, object, from, outcome, request))
    }

    /// Writes that an allowed action begins; ``ended(_:status:)`` writes its end. Throws like ``record``.
    func begin(
        _ caller: Administrator, action: String, object: String?, from: String, request: RequestID
    ) throws {
        let entry = Self.entry(caller, action, object, from, .begun, request)
        try write(entry)
        state.withLock { state in
            if state.open.count >= Self.mostOpen { state.open.removeAll() }
            state.open[request] = entry
        }
    }

    /// Whether a person may act once more now; those who act as fast as programs may are told to wait.
    func admits(_ caller: Administrator) -> Bool {
        let now = Date().timeIntervalSince1970
        return state.withLock { $0.pace.admits(caller.name, at: now) }
    }

    /// Writes how an action ended that ``begin`` told of; any other request is none.
    func ended(_ request: RequestID, status: Int) {
        guard var entry = state.withLock({ $0.open.removeValue(forKey: request) }) else { return }
        entry.outcome = (200..<300).contains(status) ? .done(status) : .failed(status)
        try? write(entry)
    }

    /// Tells of an attempt that was not allowed: in a line of its own, or counted with others like it.
    func refuse(
        _ caller: Administrator?, action: String, object: String?, from: String, status: Int,
        request: RequestID
    ) {
        let entry = Self.entry(caller, action, object, from, .refused(status), request)
        let now = Date().timeIntervalSince1970
        for line in state.withLock({ $0.refusals.note(entry, at: now) }) { try? write(line) }
    }

    /// Writes a line of the server itself, such as that it starts.
    func notice(_ action: String, _ object: String? = nil) throws {
        try write(
            AuditEntry(
                name: TokenRecord.reserved, action: action, object: object, from: nil, outcome: .done(200)))
    }

    /// Writes what was counted, where its time is over; to be called every few seconds.
    func turn() {
        let now = Date().timeIntervalSince1970
        for line in state.withLock({ $0.refusals.due(at: now) }) { try? write(line) }
    }

    /// Writes all that was counted: the last thing before the process ends.
    func close() {
        for line in state.withLock({ $0.refusals.flush() }) { try? write(line) }
        try? notice("end")
    }

    private func write(_ entry: AuditEntry) throws {
        let (text, failure) = state.withLock { state -> (String?, (any Error)?) in
            do {
                let place = state.log.size
                let line = try state.log.append(entry, time: TaskLedger.now)
                if line.sequence % Self.stride == 1 { state.places.append(place) }
                state.isFailing = false
                return (line.text, nil)
            } catch {
                let isNew = !state.isFailing
                state.isFailing = true
                if isNew { log.error("the audit log cannot be written: \(Failure(wrapping: error).message)") }
                return (nil, error)
            }
        }
        if let failure { throw failure }
        if let text { mirror?(text) }
    }

    private static func entry(
        _ caller: Administrator?, _ action: String, _ object: String?, _ from: String?,
        _ outcome: AuditEntry.Outcome, _ request: RequestID?
    ) -> AuditEntry {
        AuditEntry(
            name: caller?.name, role: caller?.role.rawValue, action: action, object: object, from: from,
            outcome: outcome, request: request.map { "\($0)" })
    }

    // MARK: Reading

    /// The lines from one number through another, at most ``mostLines``, as they are in the file. Throws a storage
    /// `Failure`.
    func lines(from first: Int, through last: Int) throws -> [UInt8] {
        let (log, places) = state.withLock { ($0.log, $0.places) }
        let first = max(first, 1)
        let last = min(
            last, log.head?.sequence ?? 0, first.addingReportingOverflow(Self.mostLines - 1).partialValue)
        guard first <= last else { return [] }
        let block = (first - 1) / Self.stride
        let end = (last - 1) / Self.stride + 1
        let range = places[block]..<(end < places.count ? places[end] : log.size)
        guard let bytes = try StoredFile.bytes(at: log.place.path, in: range) else {
            throw Failure(.storage, "\(log.place.path): shorter than it was")
        }
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        let passed = first - 1 - block * Self.stride
        return lines.dropFirst(passed).prefix(last - first + 1).flatMap { $0 + [UInt8(ascii: "\n")] }
    }
}
