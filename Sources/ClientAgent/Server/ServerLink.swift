internal import Glibc
internal import HTTPWire
package import Messages
package import Operations
package import Transport

/// What a check-in brought.
package enum CheckInAnswer: Sendable {
    /// Serve this round.
    case assignment(RoundOffer)
    /// Nothing to do: ask again after so many seconds. `isFinished`: the run has ended.
    case later(seconds: Double, isFinished: Bool)
    /// The server does not know what a check-in says of several runs.
    case misunderstood
}

/// What a server has of the authority's revocation list.
package enum RevocationAnswer: Equatable, Sendable {
    /// Nothing: it knows of no list, or of no such question.
    case none
    /// The list of before.
    case unchanged
    /// A list in PEM form, of which nothing is checked, and what to ask for it by.
    case list([UInt8], tag: String?)
}

/// What became of a report.
package enum DeliveryOutcome: Equatable, Sendable {
    /// The server holds it durably.
    case accepted
    /// The server does not want it, now or ever, with its reason.
    case turnedAway(String)
}

/// The agent's half of the protocol: one request after the other over one connection. Blocks; failures that
/// another attempt may mend are retried with jittered exponential back-off, and `Retry-After` is honoured.
package final class ServerLink {
    /// The connection.
    package let client: HTTPClient
    private let stop: StopSignal
    let log: Logger
    /// The paths of the run that is served now.
    package var paths = AgentProtocol.paths
    /// Whether a report is sent again and again until the server has answered; else the caller comes back to it.
    package var staysWithReports = true
    /// Whether the line broke since the last upload began.
    var isLineBroken = false

    /// Pause after the client's own retries have failed, in seconds.
    private static let recovery = 30.0

    package init(client: HTTPClient, stop: StopSignal, log: Logger) {
        self.client = client
        self.stop = stop
        self.log = log
        client.onRetry = { [weak self] error, delay in
            if case .network = error { self?.isLineBroken = true }
            if case .timedOut = error { self?.isLineBroken = true }
            log.debug(
                "trying again", ["error": .text(error.description), "milliseconds": .integer(Int(delay))])
        }
    }

    /// Asks for work. `served` and `declines` are only for servers of many runs. Throws a ``Failure`` with status 5 when
    /// asking again cannot help, ``ClientError`` otherwise.
    package func checkIn(
        run: String?, lastRound: Int, waitSeconds: Int, served: [String: Int]? = nil,
        declines: [String]? = nil
    ) throws -> CheckInAnswer {
        let message = CheckInRequest(
            run: run, software: "sordino-agent \(ProductVersion.current)", waitSeconds: waitSeconds,
            lastRound: lastRound, served: served, declines: declines)
        var request = try Self.post(AgentProtocol.checkInPath, message)
        request.answerTimeout = UInt64(waitSeconds + 30) * 1000
        let response = try client.perform(request, limit: RoundOffer.byteLimit)
        switch response.status {
        case 200: return .assignment(try RoundOffer(decoding: response.body))
        case 204:
            let now = Int64(time(nil))
            let pause = RetryPolicy.retryAfter(response.head.headers["retry-after"], now: now) ?? 0
            let state = response.head.headers[AgentProtocol.runStateHeader]
            return .later(seconds: min(Double(pause) / 1000, 3600), isFinished: state == "finished")
        case 422 where served != nil:
            // An older server does not know these words: it took a newer one's place.
            return .misunderstood
        default:
            throw Failure(.network, "the server refuses the check-in: \(Self.reason(response))")
        }
    }

    /// What the server runs and will run; nil from a server of one run. Throws as ``offer(_:)``.
    package func tasks() throws -> TaskList? {
        let response = try client.perform(
            ClientRequest(.get, AgentProtocol.tasksPath), limit: TaskList.byteLimit)
        guard response.status == 200 else { return nil }
        return try TaskList(decoding: response.body)
    }

    /// Asks the server to revoke this agent's own certificate. Returns whether it does. Throws ``ClientError``.
    package func leave() throws -> Bool {
        let response = try client.perform(
            ClientRequest(
                .post, AgentProtocol.leavePath, headers: ["Content-Type": "application/json"],
                body: .bytes([])), limit: 64 << 10)
        return (200...299).contains(response.status)
    }

    /// The task that the server runs under `paths`; nil where it does not tell. Throws ``ClientError``, or `MessageError`
    /// for an answer that is none.
    package func offer(_ paths: AgentProtocol.RunPaths = AgentProtocol.paths) throws -> TaskOffer? {
        let response = try client.perform(
            ClientRequest(.get, paths.task), limit: TaskOffer.byteLimit)
        guard response.status == 200 else { return nil }
        return try TaskOffer(decoding: response.body)
    }

    /// Downloads a model into `target` and verifies its digest; begins anew once when the bytes are others.
    /// Throws ``ClientError``, a ``Failure``, or ``TrainerFailure`` when the server does not have it.
    package func download(
        _ model: RoundOffer.ModelReference, into target: any ModelDownload
    ) throws -> SharedBuffer {
        try verified(paths.model(round: model.round), "model of the round", into: target)
    }

    /// Downloads what the server's rule remembers with a model, as ``download(_:into:)`` does the model.
    package func downloadState(
        of model: RoundOffer.ModelReference, into target: any ModelDownload
    ) throws -> SharedBuffer {
        try verified(
            paths.modelState(round: model.round), "state of the strategy", into: target)
    }

    private func verified(
        _ path: String, _ what: String, into target: any ModelDownload
    ) throws -> SharedBuffer {
        for _ in 0..<2 {
            if !target.isComplete {
                let outcome = try client.download(path, into: target)
                guard outcome == .complete else {
                    throw TrainerFailure("the server does not give the \(what): \(outcome)")
                }
            }
            if let bytes = try target.verified() { return bytes }
        }
        throw TrainerFailure("the \(what) that the server gives has not the announced SHA-256")
    }

    /// Downloads the file of the task's frozen parameters into `target`, on from what is there. Throws ``ClientError``, or
    /// ``TrainerFailure`` when the server does not have it.
    package func fetchFrozen(into target: any ModelDownload) throws {
        guard !target.isComplete else { return }
        let outcome = try client.download(paths.frozenModel, into: target)
        guard outcome == .complete, target.isComplete else {
            throw TrainerFailure("the server does not give the model's frozen parameters: \(outcome)")
        }
    }

    /// The revocation list of the agents' authority as the server has it, where it is another than the one with `tag`.
    /// Throws ``ClientError``.
    package func revocationList(
        tag: String?
    ) throws -> RevocationAnswer {
        let headers: HTTPHeaders = tag.map { ["If-None-Match": $0] } ?? [:]
        let response = try client.perform(
            ClientRequest(.get, AgentProtocol.revocationListPath, headers: headers),
            limit: AgentProtocol.longestRevocationList)
        switch response.status {
        case 200: return .list(response.body, tag: response.head.headers["etag"])
        case 304: return .unchanged
        default: return .none
        }
    }

    /// Sends a report until the server has taken or refused it, however long that lasts: the round may be
    /// anyone's loss, the report is not. Of one that `mayBeThere` the server is asked how much it has. Throws ``ClientError``
    /// when cancelled or when only a person can help.
    package func deliver(_ entry: OutboxEntry, mayBeThere: Bool = false) throws -> DeliveryOutcome {
        var asks = mayBeThere
        while true {
            do {
                return try outcome(of: put(entry, asks: asks), entry)
            } catch let error as ClientError where error.isTransient && staysWithReports {
                asks = true
                log.warning(
                    "the report is not delivered yet; the same bytes will be sent again",
                    ["round": .integer(entry.round), "error": .text(error.description)])
                if stop.wait(seconds: Self.recovery * Double.random(in: 0.5..<1.5)) {
                    throw ClientError.cancelled
                }
            }
        }
    }

    private func outcome(of response: ClientResponse, _ entry: OutboxEntry) throws -> DeliveryOutcome {
        guard response.status == 200 || response.status == 202 else {
            return .turnedAway(Self.reason(response))
        }
        let receipt = try? UpdateReceipt(decoding: response.body)
        if receipt?.sha256 != (try entry.digest()) {
            log.error("the server's receipt names other bytes", ["round": .integer(entry.round)])
        }
        return .accepted
    }

    /// Sends a message of one step of secure aggregation; the same bytes may go twice. Throws ``ClientError``.
    package func send(_ step: String, of plan: RoundOffer, _ body: [UInt8]) throws -> ClientResponse {
        let path = paths.secureAggregation(round: plan.round, step: step)
        if body.count > Self.longestWhole {
            return try send(upload(body, to: path, run: plan.run, round: plan.round))
        }
        let request = ClientRequest(
            .put, path, query: [("run", plan.run)], headers: ["Content-Type": "application/octet-stream"],
            body: .bytes(body))
        return try client.perform(request, limit: 64 << 10)
    }

    /// Asks for what one step of secure aggregation needs; the server may hold the question for `waitSeconds`.
    /// Throws ``ClientError``, also for an answer of more than `limit` bytes.
    package func ask(
        _ step: String, of plan: RoundOffer, waitSeconds: Int, limit: Int
    ) throws -> ClientResponse {
        var request = ClientRequest(
            .get, paths.secureAggregation(round: plan.round, step: step),
            query: [("run", plan.run), ("wait_seconds", String(waitSeconds))])
        request.answerTimeout = UInt64(waitSeconds + 30) * 1000
        return try client.perform(request, limit: limit)
    }

    /// Tells the server that it need not wait; not being able to is no harm, the deadline says the same.
    package func giveUp(run: String, round: Int, reason: FailureReport.Reason, detail: String) {
        let line = detail.unicodeScalars.prefix(160).map {
            $0.value < 32 || $0.value == 127 ? " " : String($0)
        }
        let message = FailureReport(run: run, reason: reason, detail: line.joined())
        do {
            let request = try Self.post(paths.failure(round: round), message)
            let response = try client.exchange(request, limit: 64 << 10)
            // A server of 0.1.0 does not know the word.
            if response.status == 422, reason == .schema {
                giveUp(run: run, round: round, reason: .other, detail: detail)
            }
        } catch {
            log.debug("the server was not told of the failure", ["error": .text("\(error)")])
        }
    }

    /// Asks for a fresh certificate. Throws ``ClientError`` or a ``Failure``.
    package func renew(_ signingRequest: String) throws -> CertificateAnswer {
        let request = try Self.post(
            AgentProtocol.renewalPath, RenewalRequest(signingRequest: signingRequest))
        return try Self.certificate(client.perform(request, limit: CertificateAnswer.byteLimit))
    }

    /// Asks for the first certificate. Throws ``ClientError`` or a ``Failure``.
    package func enrol(token: String, signingRequest: String) throws -> CertificateAnswer {
        let request = try Self.post(
            AgentProtocol.enrolmentPath, EnrolmentRequest(token: token, signingRequest: signingRequest))
        // Once only: the token is spent with the first answer, also with one that is lost.
        let response = try client.exchange(request, limit: CertificateAnswer.byteLimit)
        return try Self.certificate(response)
    }

    private static func certificate(_ response: ClientResponse) throws -> CertificateAnswer {
        guard response.status == 200 || response.status == 201 else {
            throw Failure(.network, "no certificate was issued: \(reason(response))")
        }
        return try CertificateAnswer(decoding: response.body)
    }

    private static func post(_ path: String, _ message: some ControlMessage) throws -> ClientRequest {
        ClientRequest(
            .post, path, headers: ["Content-Type": "application/json"], body: .bytes(try message.encoded()))
    }

    /// One line of why the server said no.
    static func reason(_ response: ClientResponse) -> String {
        if let answer = try? ErrorAnswer(decoding: response.body) {
            return "\(response.status) \(answer.error): \(answer.detail)"
        }
        return response.reason.isEmpty
            ? "status \(response.status)" : "\(response.status): \(response.reason)"
    }
}
