internal import Cryptography
internal import Glibc
internal import HTTPWire
internal import Messages
internal import Synchronization
internal import Transport

/// Reports that come in parts, each in a file of the spool until it is whole. An agent has one part in a run, and one
/// request at a time adds to it; questions and whole reports are for threads that may wait for the disk.
final class PartShelf: Sendable {
    /// What waits for the disk.
    private enum Job: Sendable {
        case question(PartName, Responder)
        /// The body is there; `take` is given its file's path once its SHA-256 is the stated one.
        case whole(PartName, Responder, take: @Sendable (String) -> Void)
    }

    /// Whether a request may add to a part.
    enum Beginning {
        case begun(Lease)
        /// So many bytes are there.
        case elsewhere(Int)
        /// The system's error number.
        case failed(Int32)
    }

    private struct State {
        /// Parts that are there, by their owners.
        var parts: [String: PartName] = [:]
        /// Requests at work, by the same.
        var leases: [String: Lease] = [:]

        /// Ends whatever else adds to this agent's part, and removes the part of another report.
        mutating func turnTo(_ part: PartName, _ spool: Spool) {
            leases.removeValue(forKey: part.owner)?.end()
            guard let other = parts[part.owner], other != part else { return }
            unlink(spool.path(of: other))
            parts[part.owner] = nil
        }
    }

    private let spool: Spool
    private let state: Mutex<State>
    private let queue: WorkQueue<Job>
    private let recent = RecentlyWhole()

    /// Takes up the parts that are in the spool. Throws a storage `Failure` where its folder cannot be read.
    init(_ spool: Spool) throws {
        self.spool = spool
        let found = try spool.parts()
        let parts = Dictionary(found.map { ($0.owner, $0) }) { $0.key.round > $1.key.round ? $0 : $1 }
        for part in found where parts[part.owner] != part { unlink(spool.path(of: part)) }
        state = Mutex(State(parts: parts))
        queue = try WorkQueue(name: "parts", threads: 2, capacity: 1024) { [spool, recent] job in
            switch job {
            case .question(let part, let responder): Self.answer(part, spool, responder)
            case .whole(let part, let responder, let take):
                // What is not handed on may come again at once.
                if !Self.verify(part, spool, responder, take) { recent.forget(part) }
            }
        }
    }

    /// Finishes what waits.
    func close() { queue.close() }

    // MARK: Requests

    /// Answers how much of a report is there, durably. Whoever was adding to it, over a line that is forgotten, adds no more.
    /// Of a report that has just become whole, later: it may be accepted already when it is asked for again.
    func ask(_ part: PartName, _ responder: Responder) {
        guard !recent.has(part, at: .now) else {
            responder.respond(.refusal(503, "busy", "the report is being taken", retryAfter: 2))
            return
        }
        state.withLock { $0.turnTo(part, spool) }
        if !queue.add(.question(part, responder)) { Self.busy(responder) }
    }

    /// Lets a request add to a part from `offset` on, in place of any other that was adding to a part of this agent's; a part of
    /// another report is removed.
    func begin(_ part: PartName, at offset: Int) -> Beginning {
        state.withLock { state in
            state.turnTo(part, spool)
            guard let file = SpoolFile(continuing: spool.path(of: part)) else { return .failed(errno) }
            let count = Self.promised(part, file)
            guard offset == count else {
                if count == 0 { file.discard() }
                return .elsewhere(count)
            }
            guard file.begin(at: count) else { return .failed(errno) }
            let lease = Lease(part, file)
            state.parts[part.owner] = part
            state.leases[part.owner] = lease
            return .begun(lease)
        }
    }

    /// All of the part has come through `lease`: verifies it, and has `take` go on with the file, or answers itself.
    func complete(_ lease: Lease, _ responder: Responder, take: @escaping @Sendable (String) -> Void) {
        let isCurrent = state.withLock { state in
            guard state.leases[lease.part.owner] === lease else { return false }
            state.leases[lease.part.owner] = nil
            recent.note(lease.part, at: .now)
            return true
        }
        guard lease.end(), isCurrent else {
            responder.respond(
                .refusal(503, "busy", "another request adds to this report", retryAfter: 1))
            return
        }
        if !queue.add(.whole(lease.part, responder, take: take)) { Self.busy(responder) }
    }

    /// No more comes through `lease`; with `removing` what came is of no use.
    func give(back lease: Lease, removing: Bool = false) {
        state.withLock { state in
            lease.end()
            guard state.leases[lease.part.owner] === lease else { return }
            state.leases[lease.part.owner] = nil
            if removing {
                state.parts[lease.part.owner] = nil
                unlink(spool.path(of: lease.part))
            }
        }
    }

    // MARK: On threads that may wait

    /// Bytes of a part that its report needs no more: all but the last of a whole one.
    private static func promised(_ part: PartName, _ file: SpoolFile) -> Int {
        min(file.size, part.bytes - 1)
    }

    private static func answer(_ part: PartName, _ spool: Spool, _ responder: Responder) {
        let path = spool.path(of: part)
        var received = 0
        if access(path, F_OK) == 0, let file = SpoolFile(continuing: path) {
            received = promised(part, file)
            guard file.synchronise() else {
                responder.respond(
                    .refusal(503, "storage", "the server cannot keep the update", retryAfter: 15))
                return
            }
        }
        responder.respond(.json(200, (try? ReceivedBytes(received: received).encoded()) ?? []))
    }

    /// Returns whether the report was handed on.
    private static func verify(
        _ part: PartName, _ spool: Spool, _ responder: Responder, _ take: @Sendable (String) -> Void
    ) -> Bool {
        guard let path = spool.takeWhole(part) else {
            responder.respond(.refusal(503, "busy", "the update is gone; send it again", retryAfter: 1))
            return false
        }
        let digest = (try? SharedBuffer(mappingFileAt: path)).flatMap { file -> String? in
            file.count == part.bytes ? try? SHA256.text(of: file.bytes) : nil
        }
        guard digest == part.sha256 else {
            unlink(path)
            responder.respond(
                .partRefusal(422, "digest", "what came has not the stated SHA-256; all of it is dropped", 0))
            return false
        }
        take(path)
        return true
    }

    private static func busy(_ responder: Responder) {
        responder.respond(.refusal(503, "busy", "too many reports wait for the disk", retryAfter: 5))
    }
}

/// Reports whose last byte came a moment ago, so that nobody who lost the answer begins them anew while they are taken.
final class RecentlyWhole: Sendable {
    /// How long one is remembered.
    static let span = Duration.seconds(20)
    private let times = Mutex<[PartName: ContinuousClock.Instant]>([:])

    /// A report has become whole.
    func note(_ part: PartName, at now: ContinuousClock.Instant) {
        times.withLock { times in
            times = times.filter { now - $0.value < Self.span }
            times[part] = now
        }
    }

    /// Whether a report became whole a moment ago.
    func has(_ part: PartName, at now: ContinuousClock.Instant) -> Bool {
        times.withLock { $0[part].map { now - $0 < Self.span } ?? false }
    }

    /// A report was none, or is gone.
    func forget(_ part: PartName) { times.withLock { $0[part] = nil } }
}

extension PartShelf {
    /// The right of one request to add to a part, which ends when another gets it.
    final class Lease: Sendable {
        /// What became of bytes.
        enum Outcome {
            case added
            /// The right has ended.
            case over
            /// The system's error number.
            case failed(Int32)
        }

        let part: PartName
        private let file: Mutex<SpoolFile?>

        fileprivate init(_ part: PartName, _ file: SpoolFile) {
            self.part = part
            self.file = Mutex(file)
        }

        /// Adds to the end.
        func append(_ bytes: UnsafeRawBufferPointer) -> Outcome {
            file.withLock { file in
                guard let file else { return .over }
                return file.append(bytes) ? .added : .failed(errno)
            }
        }

        /// Nothing is added afterwards. Returns whether the right had not ended before.
        @discardableResult
        fileprivate func end() -> Bool {
            file.withLock { file in
                defer { file = nil }
                return file != nil
            }
        }
    }
}

extension HTTPResponse {
    /// The refusal of a part, which says how many bytes of its report are there.
    static func partRefusal(_ status: Int, _ word: String, _ detail: String, _ count: Int) -> HTTPResponse {
        var response = refusal(status, word, detail)
        response.headers[AgentProtocol.uploadOffsetHeader] = String(count)
        return response
    }
}
