internal import Encoding
internal import Federation
internal import Foundation
internal import Glibc
internal import Messages
internal import Operations
internal import Transport

/// Reports: each is counted once, whatever is sent again and whenever the process ends.
extension RoundOwner {
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
                metrics.reports.increment(labels: ["repeated"])
                repeatReceipt(report)
            } else {
                turnAway(report, 409, "duplicate", "another report of this round was accepted before")
            }
            return
        }
        if let refusal = engine.refusal(client: client, round: report.key.round, at: instant) {
            refuse(report, refusal)
            return
        }
        guard let path = report.path, round?.round == report.key.round else {
            // Only its hash was kept, because it seemed to be a repetition; it can come again.
            turnAway(report, 503, "busy", "the report was not kept; send it again", retryAfter: 1)
            return
        }
        do {
            // Read before anything is decided: what cannot be added must not count as accepted.
            let opened = report.content == nil ? try openReport(path) : nil
            try spool.accept(path, round: report.key.round, client: client)
            switch engine.offer(client: client, round: report.key.round, at: instant) {
            case .refused(let reason):
                unlink(spool.reportPath(round: report.key.round, client: client))
                refuse(report, reason)
            case .accepted(let then):
                if let content = report.content {
                    addReport(content.bytes, report.header)
                } else if let opened {
                    addReport(opened.update, opened.header)
                }
                round?.reports[String(client)] = report.digest
                round?.bytesUp += report.bytes
                noteAccepted(report, client)
                dispatch(then)
            }
        } catch {
            storageFailed("keep a report", error)
            turnAway(report, 503, "storage", "the server cannot write its state", retryAfter: 15)
        }
    }

    /// The first answer may have been that the folder could not be synced: a receipt is only for what lasts.
    private func repeatReceipt(_ report: IncomingReport) {
        do {
            if report.key.round == round?.round { try spool.synchronise() }
            discard(report)
            report.responder.respond(receipt(200, report))
        } catch {
            storageFailed("sync the spool", error)
            turnAway(report, 503, "storage", "the server cannot write its state", retryAfter: 15)
        }
    }

    private func noteAccepted(_ report: IncomingReport, _ client: Int) {
        roster.noteReport(of: client, at: now)
        metrics.reports.increment(labels: ["accepted"])
        metrics.bytesUp.increment(by: Double(report.bytes))
        board.change { $0.rounds[report.key]?.invited[report.agent.name] = .some(report.digest) }
        pendingReceipts.append(
            (report.responder, UpdateReceipt(run: run.run, round: report.key.round, sha256: report.digest)))
        announce()
    }

    /// Adds a kept report to the running sum.
    func add(_ client: Int, round: Int) throws {
        let path = spool.reportPath(round: round, client: client)
        let (update, header) = try openReport(path)
        guard header.round == round, header.runText == run.run else { throw StateDirectory.damaged(path) }
        addReport(update, header)
    }

    /// A report's file, mapped, and its header; throws where it holds no vector of this task. Adding it copies
    /// nothing: a model may have a gigabyte.
    private func openReport(_ path: String) throws -> (update: SharedBuffer, header: UpdateHeader) {
        guard let file = try state.map(path) else { throw StateDirectory.missing(path) }
        guard let header = try? UpdateHeader(decoding: file.bytes) else { throw StateDirectory.damaged(path) }
        let vector = Self.vector(file.bytes)
        guard header.count == plan.reportDimension, header.bits == plan.codec.bits,
            vector.count == header.bodyByteCount,
            header.values == .floats
                ? plan.sendsFloats : RingVector.isWireForm(vector, count: header.count, bits: header.bits)
        else { throw StateDirectory.damaged(path) }
        return (file, header)
    }

    private static func vector(_ update: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: update[UpdateHeader.byteCount...])
    }

    /// Adds an opened report to the running sum; its file leaves memory as it is added.
    private func addReport(_ file: SharedBuffer, _ header: UpdateHeader) {
        addReport(file.bytes, header) { range in
            file.release(
                range.lowerBound + UpdateHeader.byteCount..<range.upperBound + UpdateHeader.byteCount)
        }
    }

    /// Adds a report to the running sum. `consumed` is told which bytes of its vector are not needed any more.
    private func addReport(
        _ update: UnsafeRawBufferPointer, _ header: UpdateHeader, consumed: (Range<Int>) -> Void = { _ in }
    ) {
        let (vector, weight) = (Self.vector(update), header.weight)
        if header.values == .floats {
            aggregation.add(
                floats: vector, factor: plan.codec.scale * Double(weight), weight: weight, consumed: consumed)
            return
        }
        let isAdded = aggregation.add(packed: vector, weight: weight, consumed: consumed)
        precondition(isAdded, "a report is checked when it is opened")
    }

    /// Digest of what the client reported in the open round or one before.
    private func knownDigest(_ client: Int, _ key: RoundKey) -> String? {
        guard key.run == run.run else { return nil }
        if let round, round.round == key.round { return round.reports[String(client)] }
        return history.last { $0.round == key.round }?.reports[String(client)]
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
            }
        turnAway(report, 409, word, reason.rawValue)
    }

    private func turnAway(
        _ report: IncomingReport, _ status: Int, _ word: String, _ detail: String, retryAfter: Int? = nil
    ) {
        discard(report)
        metrics.reports.increment(labels: [word])
        log.info(
            "report turned away",
            [
                "round": .integer(report.key.round), "agent": .text(report.agent.name), "reason": .text(word),
                "request": .text("\(report.responder.request)"),
            ])
        report.responder.respond(.refusal(status, word, detail, retryAfter: retryAfter))
    }

    private func discard(_ report: IncomingReport) { if let path = report.path { unlink(path) } }

    private func receipt(_ status: Int, _ report: IncomingReport) -> HTTPResponse {
        let receipt = UpdateReceipt(run: run.run, round: report.key.round, sha256: report.digest)
        return .json(status, (try? receipt.encoded()) ?? [])
    }

    /// Syncs the spool's folder once for all reports just taken, then says `202` to each.
    func flushReceipts() {
        guard !pendingReceipts.isEmpty else { return }
        let waiting = pendingReceipts
        pendingReceipts = []
        do {
            try spool.synchronise()
            for (responder, receipt) in waiting { responder.respond(.json(202, try receipt.encoded())) }
        } catch {
            // They are in the sum, and a repetition will be told so once storage answers again.
            storageFailed("sync the spool", error)
            for (responder, _) in waiting {
                responder.respond(
                    .refusal(503, "storage", "the server cannot write its state", retryAfter: 15))
            }
        }
    }

    /// An agent gives a round up.
    func giveUp(_ agent: AgentIdentity, _ key: RoundKey, _ report: FailureReport, _ responder: Responder) {
        guard key.run == run.run else {
            responder.respond(.refusal(409, "run_mismatch", "this server runs \(run.run)"))
            return
        }
        let left = leaveMasking(agent, key)
        let verdict = roster.client(named: agent.name).map {
            ($0, engine.giveUp(client: $0, round: key.round, at: instant))
        }
        switch verdict {
        case (let client, .noted(let then))?:
            noteFailure(agent, client, key, report, responder)
            dispatch(then)
            responder.respond(HTTPResponse(204))
        case (_, .refused(.duplicate))?, (_, .refused(.gaveUp))?: responder.respond(HTTPResponse(204))
        case (_, .refused(.closed))?, (_, .refused(.wrongRound))?, (_, .refused(.notInvited))?, nil:
            responder.respond(
                left
                    ? HTTPResponse(204)
                    : .refusal(409, "round_closed", ReportRefusal.closed.rawValue))
        }
    }

    private func noteFailure(
        _ agent: AgentIdentity, _ client: Int, _ key: RoundKey, _ report: FailureReport,
        _ responder: Responder
    ) {
        round?.failures[report.reason.rawValue, default: 0] += 1
        roster.noteFailure(of: client, outcome: "\(report.reason.rawValue): \(report.detail)")
        metrics.failures.increment(labels: [report.reason.rawValue])
        log.info(
            "agent gave up",
            [
                "round": .integer(key.round), "agent": .text(agent.name),
                "reason": .text(report.reason.rawValue),
                "detail": .text(report.detail), "request": .text("\(responder.request)"),
            ])
        announce()
    }
}
