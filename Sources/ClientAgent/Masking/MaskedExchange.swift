internal import Cryptography
internal import Encoding
internal import Federation
internal import Glibc
internal import Messages
internal import Operations
internal import SecureAggregation
internal import Transport

/// One masked round over the network: this agent's messages of the five steps, each sent once the server has what
/// it needs, until the sum can be opened without it.
///
/// Everything secret lives in this process's memory. An agent that ends between two steps has dropped out: its
/// place in the sum, if it has one, is settled by its neighbours' shares.
final class MaskedExchange {
    /// Why the round ended for this agent before its last message.
    struct Ended: Error {
        let reason: String
    }

    private let member: MaskedMember
    /// Members of the round, once it is joined.
    private(set) var members = 0
    /// Bytes of the masked report and their SHA-256, once it is sent.
    private(set) var sent: (bytes: Int, sha256: String)?
    private let message: RoundOffer
    private let link: ServerLink
    private let stop: StopSignal
    /// When waiting any longer is pointless, on the monotonic clock: the server's own deadlines are all over then.
    private let patience: ContinuousClock.Instant

    /// Seconds of one question to the server.
    private static let poll = 30

    init(_ member: MaskedMember, message: RoundOffer, link: ServerLink, stop: StopSignal) {
        self.member = member
        self.message = message
        self.link = link
        self.stop = stop
        patience = .now + .seconds(2 * message.deadlineSeconds + 120)
    }

    /// Steps `keys` and `shares`: from here on the neighbours can stand in for this agent. Throws ``Ended`` when
    /// the server turns it away, ``SecureAggregationError`` when it refuses what the server shows it, or
    /// ``ClientError``.
    func join() throws {
        members = try guarded {
            try send(.keys, member.answer(.keys, to: []))
            try send(.shares, member.answer(.shares, to: ask(.shares)))
            guard let members = member.memberCount else { throw Ended(reason: "no roster was agreed on") }
            return members
        }
    }

    /// Steps `masked`, `consistency` and `unmask`. The report leaves masked only, and nothing before `wait`. Throws as ``join()``
    /// does; once the report is in the sum, the server's closing of the round is no error.
    func deliver(_ report: RingVector, before wait: () throws -> Void) throws {
        try guarded {
            guard
                let header = UpdateHeader(
                    run: message.run, round: message.round, weight: 1, count: report.count, bits: report.bits)
            else { throw Ended(reason: "the run has no identity") }
            // Already the question for this step would tell when local work was done.
            try wait()
            var masked = report
            try member.mask(&masked, delivery: ask(.masked))
            let body = header.encoded() + masked.packed()
            try send(.masked, body)
            sent = (body.count, try SHA256.text(of: body))
            try send(.consistency, member.answer(.consistency, to: ask(.consistency)))
            // Others' shares may do already; the round is then over for everybody.
            if let quorum = try? ask(.unmask) {
                let shares = try member.answer(.unmask, to: quorum)
                try? send(.unmask, shares)
            }
            member.abandon()
        }
    }

    /// Destroys the member's secrets when anything fails.
    private func guarded<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            member.abandon()
            throw error
        }
    }

    private func send(_ step: ProtocolStep, _ body: [UInt8]) throws {
        let response = try link.send(step.rawValue, of: message, body)
        guard response.status == 200 || response.status == 202 else {
            throw Ended(reason: ServerLink.reason(response))
        }
    }

    /// What the server has for a step, as soon as it has it.
    private func ask(_ step: ProtocolStep) throws -> [UInt8] {
        let limit = MaskedMessageLimit.bytes(population: message.population)
        while ContinuousClock.now < patience {
            if stop.isRequested { throw ClientError.cancelled }
            let response = try link.ask(
                step.rawValue, of: message, waitSeconds: Self.poll, limit: limit)
            switch response.status {
            case 200: return response.body
            case 204: continue
            default: throw Ended(reason: ServerLink.reason(response))
            }
        }
        throw Ended(reason: "the server let step \(step.rawValue) rest for too long")
    }
}

/// Most bytes that a server's message of a step may have.
enum MaskedMessageLimit {
    /// For a roster of at most `population` members, all of them neighbours, with the largest credentials; never
    /// above 64 MiB.
    static func bytes(population: Int) -> Int {
        let members = min(population, SecureAggregationParameters.maximalRoundSize)
        return min(64 << 20, 1024 + members * (128 + (10 << 10)))
    }
}
