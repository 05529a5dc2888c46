internal import Cryptography
internal import Encoding
internal import Federation
internal import Foundation
internal import Glibc
internal import Messages
internal import Operations
internal import Transport

/// Reports: each is counted once, whatever is sent again and whenever the process ends. The exact sum of the open round
/// is here.
final class ReportDesk {
    private let context: DeskContext
    private let state: StateDirectory
    private let spool: Spool
    private let journal: ReportJournal
    private let reader: ReportReader
    /// Reports of the open round that the journal had at the start.
    private var journalled: [Int: [UInt8]] = [:]
    /// Whether names in the spool's folder wait to be synced.
    private var hasNewNames = false
    /// Where updates wait for the disk; given back between rounds.
    private let memory: UpdateMemory
    private let rounds: RoundDesk
    private let books: BookDesk
    private let roster: RosterDesk
    private var aggregation: Aggregation
    /// Nil where updates travel whole.
    private let expansion: UpdateExpansion?
    /// Answers that wait for the spool's folder to be synced.
    private var pendingReceipts: [(responder: Responder, receipt: UpdateReceipt)] = []
    /// When the first of them came, seconds since 1970.
    private var firstPending = 0.0

    /// A desk without reports.
    init(
        _ context: DeskContext, state: StateDirectory, memory: UpdateMemory, rounds: RoundDesk,
        books: BookDesk, roster: RosterDesk
    ) {
        self.context = context
        self.state = state
        self.memory = memory
        self.rounds = rounds
        self.books = books
        self.roster = roster
        spool = Spool(state)
        journal = ReportJournal(folder: spool.path)
        reader = ReportReader(plan: context.plan, books: books, state: state, spool: spool, journal: journal)
        aggregation = Aggregation(count: context.plan.report.count, bits: context.plan.codec.bits)
        expansion = UpdateExpansion(context.plan)
    }

    // MARK: The sum

    /// The exact sum of the open round's reports; zeros where there are none.
    var sum: RingVector { aggregation.sum }
    /// Sum of their weights.
    var weight: Int { aggregation.weight }

    /// Takes a sum that was made elsewhere, in place of what there was.
    func adopt(_ sum: RingVector, weight: Int) { aggregation.adopt(sum, weight: weight) }

    /// Forgets the sum, and gives its memory back.
    func release() { aggregation.release() }

    /// Gives memory back that updates wait in, as far as none does.
    func trimMemory() { memory.trim() }

    // MARK: What is kept

    /// Waits until every report that was taken is on the device.
    private func synchronise() throws {
        try journal.synchronise()
        guard hasNewNames else { return }
        try spool.synchronise()
        hasNewNames = false
    }

    /// Removes a round's reports, which nobody shall have any more.
    func removeReports(of round: Int) throws {
        journalled = [:]
        try journal.clear()
        if rounds.isBuffered, let file = rounds.file {
            for client in file.reports.keys.compactMap({ Int($0) }) {
                unlink(spool.reportPath(round: file.origin(of: client), client: client))
            }
            let trains = Set(rounds.inFlight.map(\.round))
            return try spool.removeParts { $0.run == books.run.run && trains.contains($0.round) }
        }
        try spool.removeReports(round: round)
        try spool.removeParts { $0.run == books.run.run && $0.round > round }
    }

    /// After a restart: removes what is left of other rounds than `round`.
    func keepOnly(round: Int?) throws {
        try spool.keepOnly(round: round)
        try spool.removeParts { $0.run == books.run.run && $0.round == round }
        journalled = try round.map { try journal.takeUp(run: books.run.run, round: $0) } ?? [:]
        if journalled.isEmpty { try journal.clear() }
    }

    /// Clients whose reports of the round are kept, ascending. After ``keepOnly(round:)``.
    func clients(of round: Int) throws -> [Int] {
        Set(try spool.clients(round: round)).union(journalled.keys).sorted()
    }

    /// Adds a kept report to the sum. Throws where it is missing, damaged, or another round's.
    func add(_ client: Int, round: Int) throws {
        if let body = journalled[client] {
            try body.withUnsafeBytes { addReport($0, try reader.header(of: $0, path: journal.path)) }
            return
        }
        let (update, header) = try reader.report(of: client, round: round)
        addReport(update, header)
    }

    /// What the plan's robust rule makes of these clients' kept reports, in the place of their sum. Throws where one of
    /// them is missing, damaged, or another round's, and ``RoundLoss`` where there are too few.
    func robustSum(of clients: [Int], round: Int) throws -> (vector: RingVector, weight: Int) {
        let kept = try reader.individualReports(of: clients, round: round)
        return try context.plan.robustSum(
            of: kept, seed: books.run.seed, round: round,
            threads: ProcessInfo.processInfo.activeProcessorCount)
    }

    /// The sum of a full buffer. Throws where a report is missing, damaged, or another round's.
    func bufferedSum(of entries: [BufferedEngine.Entry]) throws -> (vector: RingVector, weight: Int) {
        BufferedReport.sum(of: try reader.bufferedReports(of: entries), under: context.plan)
    }

    /// Reads digest and size of a kept report back into its round's file.
    func note(_ client: Int, in file: inout RoundFile) throws {
        if let body = journalled[client] {
            file.reports[String(client)] = try SHA256.text(of: body)
            file.bytesUp += body.count
            return
        }
        let path = spool.reportPath(round: file.origin(of: client), client: client)
        guard let report = try state.map(path) else { throw StateDirectory.missing(path) }
        file.reports[String(client)] = try SHA256.text(of: report)
        file.bytesUp += report.count
    }

    /// A report could not be written, with the system's error number.
    func writingFailed(code: Int32) {
        context.storageFailed(
            "keep reports", Failure(.storage, "\(spool.path): \(String(cString: strerror(code)))"))
    }

    // MARK: Reports that come

    /// Decides about a report that is complete and synced.
    func take(_ report: IncomingReport) {
        guard let client = roster.client(named: report.agent.name) else {
            turnAway(report, 403, "not_registered", "check in first")
            return
        }
        guard !roster.isRevoked(client) else {
            // It was shut out while its report was on the way.
            turnAway(report, 403, "revoked", "an operator has shut this agent out")
            return
        }
        if let known = knownDigest(client, report.key) {
            if known == report.digest {
                context.metrics.reports.increment(labels: ["repeated"])
                repeatReceipt(report)
            } else {
                turnAway(report, 409, "duplicate", "another report of this round was accepted before")
            }
            return
        }
        if rounds.isBuffered, ![.collecting, .finished].contains(rounds.phase) {
            turnAway(report, 503, "busy", "a step is being taken; send it again", retryAfter: 1)
            return
        }
        if let refusal = rounds.refusal(of: client, round: report.key.round, at: context.instant) {
            refuse(report, refusal)
            return
        }
        let isOpen = rounds.isBuffered ? rounds.file != nil : rounds.file?.round == report.key.round
        guard report.path != nil || report.content != nil, isOpen else {
            // Only its hash was kept, because it seemed to be a repetition; it can come again.
            turnAway(report, 503, "busy", "the report was not kept; send it again", retryAfter: 1)
            return
        }
        do {
            try accept(report, client)
        } catch {
            context.storageFailed("keep a report", error)
            turnAway(report, 503, "storage", "the server cannot write its state", retryAfter: 15)
        }
    }

    private func accept(_ report: IncomingReport, _ client: Int) throws {
        let round = report.key.round
        // Read before anything is decided: what cannot be added must not count as accepted.
        let opened = try report.content == nil ? report.path.map { try reader.report(at: $0) } : nil
        if let path = report.path {
            try spool.accept(path, round: round, client: client)
            hasNewNames = true
        } else if let content = report.content {
            if rounds.isBuffered {
                // The journal is of one round.
                try spool.accept(content.bytes, round: round, client: client)
                hasNewNames = true
            } else {
                try journal.append(client, content.bytes)
            }
        }
        if let reason = rounds.offer(client, round: round, at: context.instant) {
            if report.path != nil || rounds.isBuffered {
                unlink(spool.reportPath(round: round, client: client))
            } else if let content = report.content {
                try journal.removeLast(content.bytes)
            }
            refuse(report, reason)
            return
        }
        if let content = report.content {
            addReport(content.bytes, report.header)
        } else if let opened {
            addReport(opened.update, opened.header)
        }
        rounds.noteReport(of: client, digest: report.digest)
        rounds.noteBytes(up: report.bytes)
        noteAccepted(report, client)
    }

    /// The first answer may have been that the folder could not be synced: a receipt is only for what lasts.
    private func repeatReceipt(_ report: IncomingReport) {
        do {
            if report.key.round == rounds.file?.round || rounds.isBuffered { try synchronise() }
            discard(report)
            let receipt = receipt(report)
            report.responder.respond(.json(200, (try? receipt.encoded()) ?? []))
        } catch {
            context.storageFailed("sync the spool", error)
            turnAway(report, 503, "storage", "the server cannot write its state", retryAfter: 15)
        }
    }

    private func noteAccepted(_ report: IncomingReport, _ client: Int) {
        roster.noteReport(of: client, at: context.now)
        context.metrics.reports.increment(labels: ["accepted"])
        context.metrics.bytesUp.increment(by: Double(report.bytes))
        context.board.change { $0.rounds[report.key]?.invited[report.agent.name] = .some(report.digest) }
        if pendingReceipts.isEmpty { firstPending = context.now }
        pendingReceipts.append((report.responder, receipt(report)))
        context.statusChanged()
    }

    /// Digest of what the client reported in the open round or one before.
    private func knownDigest(_ client: Int, _ key: RoundKey) -> String? {
        guard key.run == books.run.run else { return nil }
        guard !rounds.isBuffered else {
            let files = books.history + [rounds.file].compactMap(\.self)
            return files.last {
                $0.reports[String(client)] != nil && $0.origin(of: client) == key.round
            }?.reports[String(client)]
        }
        if let open = rounds.file, open.round == key.round { return open.reports[String(client)] }
        return books.digest(of: client, round: key.round)
    }

    /// Says why a report does not count.
    private func refuse(_ report: IncomingReport, _ reason: ReportRefusal) {
        let word =
            switch reason {
            case .notInvited: "not_invited"
            case .wrongRound: "wrong_round"
            case .closed: "round_closed"
            case .duplicate: "duplicate"
            case .gaveUp: "gave_up"
            case .tooStale: "too_stale"
            }
        turnAway(report, 409, word, reason.rawValue)
    }

    private func turnAway(
        _ report: IncomingReport, _ status: Int, _ word: String, _ detail: String, retryAfter: Int? = nil
    ) {
        // A report that came in parts may be taken later without coming again.
        if status != 503 || report.path.map(spool.putBack) != true { discard(report) }
        context.metrics.reports.increment(labels: [word])
        context.log.info(
            "report turned away",
            [
                "round": .integer(report.key.round), "agent": .text(report.agent.name), "reason": .text(word),
                "request": .text("\(report.responder.request)"),
            ])
        report.responder.respond(.refusal(status, word, detail, retryAfter: retryAfter))
    }

    private func discard(_ report: IncomingReport) { if let path = report.path { unlink(path) } }

    private func receipt(_ report: IncomingReport) -> UpdateReceipt {
        UpdateReceipt(run: books.run.run, round: report.key.round, sha256: report.digest)
    }

    /// Seconds that small reports wait for others of their round before they are synced. Nobody waits for it: a round that
    /// is complete sooner syncs its noisy sum in their place, and an agent with no receipt has nothing else to do.
    private static let gatherSeconds = 0.01

    /// Seconds until reports that wait for others are synced; nil where none do.
    var secondsToNextWork: Double? {
        pendingReceipts.isEmpty ? nil : firstPending + Self.gatherSeconds - context.now
    }

    /// As ``flushReceipts(onlyFiles:)``, but small reports of a round that is open to others wait for those a moment.
    func flushGathered() {
        let waits =
            rounds.phase == .collecting && !hasNewNames && (secondsToNextWork ?? 0) > 0
            && rounds.file.map { $0.reports.count < $0.invited.count } ?? false
        // A clock that was set back must not keep anybody waiting.
        if !waits || context.now < firstPending { flushReceipts() }
    }

    /// Syncs all reports just taken at once, then says `202` to each: after ``removeReports(of:)`` at once, since the noisy sum
    /// is durable that they are in. With `onlyFiles` small reports may wait for that.
    func flushReceipts(onlyFiles: Bool = false) {
        guard !pendingReceipts.isEmpty, hasNewNames || !onlyFiles else { return }
        let waiting = pendingReceipts
        pendingReceipts = []
        do {
            try synchronise()
            for (responder, receipt) in waiting { responder.respond(.json(202, try receipt.encoded())) }
        } catch {
            // They are in the sum, and a repetition will be told so once storage answers again.
            context.storageFailed("sync the spool", error)
            for (responder, _) in waiting {
                responder.respond(
                    .refusal(503, "storage", "the server cannot write its state", retryAfter: 15))
            }
        }
    }

    // MARK: Adding

    /// Adds an opened report to the running sum; its file leaves memory as it is added.
    private func addReport(_ file: SharedBuffer, _ header: UpdateHeader) {
        addReport(file.bytes, header) { range in
            file.release(
                range.lowerBound + UpdateHeader.byteCount..<range.upperBound + UpdateHeader.byteCount)
        }
    }

    /// Adds a report to the running sum, or leaves it where it is kept for a robust rule. `consumed` is told which bytes of
    /// its vector are not needed any more.
    private func addReport(
        _ update: UnsafeRawBufferPointer, _ header: UpdateHeader, consumed: (Range<Int>) -> Void = { _ in }
    ) {
        guard !context.plan.keepsReports else { return }
        let (vector, weight) = (ReportReader.vector(update), header.weight)
        let factor = context.plan.codec.scale * Double(weight)
        if let expansion, header.values == .compressed {
            let round = CompressionRound(seed: context.setup.configuration.seed, round: header.round)
            aggregation.add(rounding: expansion.values(of: vector, round), factor: factor, weight: weight)
            return
        }
        if header.values == .floats {
            aggregation.add(floats: vector, factor: factor, weight: weight, consumed: consumed)
            return
        }
        let isAdded = aggregation.add(packed: vector, weight: weight, consumed: consumed)
        precondition(isAdded, "a report is checked when it is opened")
    }

    // MARK: Giving up

    /// An agent gives a round up; `wasMember`: secure aggregation has been told, and knew it.
    func giveUp(
        _ agent: AgentIdentity, _ key: RoundKey, _ report: FailureReport, _ responder: Responder,
        wasMember: Bool
    ) {
        guard key.run == books.run.run else {
            responder.respond(.refusal(409, "run_mismatch", "this server runs \(books.run.run)"))
            return
        }
        let client = roster.client(named: agent.name)
        let refusal = client.map { rounds.giveUp($0, round: key.round, at: context.instant) }
        switch refusal {
        case .some(nil):
            if let client { noteFailure(agent, client, key, report, responder) }
            responder.respond(HTTPResponse(204))
        case .duplicate??, .gaveUp??: responder.respond(HTTPResponse(204))
        case .closed??, .wrongRound??, .notInvited??, .tooStale??, nil:
            responder.respond(
                wasMember
                    ? HTTPResponse(204)
                    : .refusal(409, "round_closed", ReportRefusal.closed.rawValue))
        }
    }

    private func noteFailure(
        _ agent: AgentIdentity, _ client: Int, _ key: RoundKey, _ report: FailureReport,
        _ responder: Responder
    ) {
        let word = report.reason.rawValue
        rounds.noteFailure(word)
        roster.noteFailure(of: client, outcome: "\(word): \(report.detail)")
        context.metrics.failures.increment(labels: [word])
        context.log.info(
            "agent gave up",
            [
                "round": .integer(key.round), "agent": .text(agent.name), "reason": .text(word),
                "detail": .text(report.detail), "request": .text("\(responder.request)"),
            ])
        context.statusChanged()
    }
}
