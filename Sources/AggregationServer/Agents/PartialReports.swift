internal import Glibc
internal import HTTPWire
internal import Messages
internal import Notation
internal import Transport

/// Answers the requests of reports that come in parts; what is whole goes the way of any other.
struct PartialReports: Sendable {
    /// What of a round an agent's request is about.
    struct Subject: Sendable {
        let agent: AgentIdentity
        let form: UpdateForm
        let admission: RoundBoard.UpdateAdmission
        /// Digest of what the agent reported in the round before; nil where it reported nothing.
        let known: String?
    }

    private let shelf: PartShelf
    private let keeper: UpdateKeeper
    private let reader: MaskedReportReader
    private let mailbox: OwnerMailbox

    /// Keeps parts on `shelf`; whole reports go to `keeper`, masked ones to `reader`.
    init(_ shelf: PartShelf, keeper: UpdateKeeper, reader: MaskedReportReader, mailbox: OwnerMailbox) {
        self.shelf = shelf
        self.keeper = keeper
        self.reader = reader
        self.mailbox = mailbox
    }

    /// Answers `GET …/update`: how much of the report is there.
    func question(_ subject: Subject, _ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
        do {
            let asked = try PartRequest(question: request)
            if let refusal = refusal(of: asked, subject, request) { return .respond(refusal) }
            guard subject.admission == .report else {
                return .respond(
                    .json(200, try ReceivedBytes(received: asked.bytes - 1).encoded()))
            }
            shelf.ask(try name(asked, subject), responder)
            return .later
        } catch {
            return .respond(malformed(error))
        }
    }

    /// Takes a part. `isMasked`: of a masked report.
    func receive(
        _ subject: Subject, isMasked: Bool, _ request: HTTPRequest, _ responder: Responder
    ) -> RequestDecision {
        do {
            let asked = try PartRequest(part: request)
            if let refusal = refusal(of: asked, subject, request) {
                return request.turnAway(refusal)
            }
            let form = subject.form
            guard subject.admission == .report else { return repeated(subject, asked, responder) }
            let part = try name(asked, subject)
            switch shelf.begin(part, at: asked.offset) {
            case .failed(let code):
                mailbox.post(.storageFailed(code: code))
                return request.turnAway(
                    .refusal(503, "storage", "the server cannot keep the update", retryAfter: 15))
            case .elsewhere(let count):
                return request.turnAway(.partRefusal(409, "wrong_offset", "\(count) bytes are here", count))
            case .begun(let lease):
                let sink = PartSink(
                    lease, shelf, storageFailed: { [mailbox] in mailbox.post(.storageFailed(code: $0)) }
                ) { [self] in
                    shelf.complete(lease, responder) { path in
                        isMasked
                            ? unmask(path, subject, responder) : take(path, part, subject, responder)
                    }
                }
                return .receive(limit: form.bytes, reserving: isMasked ? nil : 64 << 10, sink: sink)
            }
        } catch {
            return request.turnAway(malformed(error))
        }
    }

    // MARK: Before the body

    private func name(_ asked: PartRequest, _ subject: Subject) throws -> PartName {
        try PartName(
            subject.form.key, agent: subject.agent.name, sha256: asked.sha256, bytes: asked.bytes)
    }

    /// Why a report cannot count, whatever of it comes.
    private func refusal(
        of asked: PartRequest, _ subject: Subject, _ request: HTTPRequest
    ) -> HTTPResponse? {
        let form = subject.form
        guard request.head.target.parameter("run") == form.key.run else {
            return .refusal(409, "run_mismatch", "this server runs \(form.key.run)")
        }
        guard asked.bytes <= form.bytes else {
            return .refusal(413, "shape", "a report of this task has at most \(form.bytes) bytes")
        }
        guard asked.bytes > UpdateHeader.byteCount else {
            return .refusal(422, "shape", "\(asked.bytes) bytes are no report")
        }
        switch subject.admission {
        case .report: return nil
        case .repetition where subject.known == asked.sha256: return nil
        case .repetition:
            return .refusal(409, "duplicate", "another report of this round was accepted before")
        case .turnedAway:
            return .refusal(
                409, "round_closed", "round \(form.key.round) takes no report of this agent")
        }
    }

    private func malformed(_ error: any Error) -> HTTPResponse {
        guard let problem = error as? PartRequest.Problem else {
            return .refusal(500, "internal", "the part cannot be named")
        }
        return .refusal(422, "malformed", problem.detail)
    }

    /// The receipt of a report that was accepted before, whose answer was lost.
    private func repeated(_ subject: Subject, _ asked: PartRequest, _ responder: Responder) -> RequestDecision
    {
        let form = subject.form
        let header = UpdateHeader(
            run: form.key.run, round: form.key.round, weight: 1, count: form.count, bits: form.bits)
        guard let header else { return .respond(.refusal(500, "internal", "the run has no identity")) }
        let sink = IgnoringSink { [mailbox] in
            mailbox.post(
                .report(
                    IncomingReport(
                        agent: subject.agent, key: form.key, header: header, digest: asked.sha256,
                        bytes: asked.bytes, path: nil, content: nil, responder: responder)))
        }
        return .receive(limit: form.bytes, reserving: 64 << 10, sink: sink)
    }

    // MARK: Whole reports

    /// Hands a whole report to the keeper, who checks its vector.
    private func take(_ path: String, _ part: PartName, _ subject: Subject, _ responder: Responder) {
        let form = subject.form
        guard let content = try? SharedBuffer(mappingFileAt: path),
            let header = try? UpdateHeader(decoding: content.bytes), let file = SpoolFile(continuing: path),
            let digest = Hexadecimal.bytes(of: part.sha256)
        else {
            unlink(path)
            responder.respond(.refusal(422, "malformed", "the update has no header"))
            return
        }
        if let refusal = form.refusal(of: header) {
            file.discard()
            responder.respond(refusal)
            return
        }
        keeper.take(
            UpdateKeeper.Job(
                form: form,
                update: UpdateSink.CompleteUpdate(
                    content: .file(file, tail: nil), digest: digest, header: header, bytes: part.bytes),
                agent: subject.agent, responder: responder))
    }

    /// Hands a whole masked report to the reader, who unpacks it; nothing of it stays on disk.
    private func unmask(_ path: String, _ subject: Subject, _ responder: Responder) {
        defer { unlink(path) }
        guard let file = try? SharedBuffer(mappingFileAt: path) else {
            responder.respond(.refusal(503, "storage", "the report cannot be read back", retryAfter: 15))
            return
        }
        reader.take(
            .init(
                form: subject.form, body: Array(file.bytes), agent: subject.agent, responder: responder))
    }
}
