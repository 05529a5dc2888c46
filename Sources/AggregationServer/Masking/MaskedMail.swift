internal import Cryptography
internal import Encoding
internal import Messages
internal import SecureAggregation
internal import Transport

/// A member's message of one step of secure aggregation, complete.
struct MaskedMessage: Sendable {
    /// What it carries.
    enum Content: Sendable {
        /// A message of the protocol as it came.
        case step(ProtocolStep, [UInt8])
        /// The masked report, unpacked.
        case report(RingVector)
    }

    let agent: AgentIdentity
    let key: RoundKey
    let content: Content
    /// SHA-256 of the whole body, lower-case hexadecimal: the same bytes again are no second message.
    let digest: String
    /// Bytes of the body.
    let bytes: Int
    let responder: Responder

    /// The step that it belongs to.
    var step: ProtocolStep {
        if case .step(let step, _) = content { step } else { .masked }
    }
}

/// A member asks for what it needs for a step.
struct MaskedQuestion: Sendable {
    let agent: AgentIdentity
    let key: RoundKey
    let step: ProtocolStep
    /// Seconds that it is willing to wait.
    let waitSeconds: Int
    let responder: Responder
}

/// Unpacks and hashes masked reports, on threads of its own: neither event loops nor the round's owner wait for
/// millions of coordinates.
final class MaskedReportReader: Sendable {
    /// A body on its way to the round's owner.
    struct Job: Sendable {
        let form: UpdateForm
        let body: [UInt8]
        let agent: AgentIdentity
        let responder: Responder
    }

    private let queue: WorkQueue<Job>

    /// Hands what it has read to `mailbox`.
    init(mailbox: OwnerMailbox) throws {
        queue = try WorkQueue(name: "masked", threads: 2, capacity: 256) { Self.read($0, mailbox) }
    }

    /// Takes a body over; answers 503 itself when there are too many.
    func take(_ job: Job) {
        if queue.add(job) { return }
        job.responder.respond(.refusal(503, "busy", "too many reports wait to be read", retryAfter: 2))
    }

    /// Finishes what waits.
    func close() { queue.close() }

    private static func read(_ job: Job, _ mailbox: OwnerMailbox) {
        do {
            let vector = try job.body.withUnsafeBytes { bytes in try Self.report(bytes, job.form) }
            mailbox.post(
                .masked(
                    MaskedMessage(
                        agent: job.agent, key: job.form.key, content: .report(vector),
                        digest: try SHA256.text(of: job.body), bytes: job.body.count, responder: job.responder
                    )))
        } catch {
            job.responder.respond(.refusal(422, "malformed", "\(error)"))
        }
    }

    private static func report(_ bytes: UnsafeRawBufferPointer, _ form: UpdateForm) throws -> RingVector {
        let header = try UpdateHeader(decoding: bytes)
        guard header.runText == form.key.run, header.round == form.key.round, header.count == form.count,
            header.bits == form.bits, header.values == .ring, header.weight == 1, bytes.count == form.bytes
        else { throw MessageError("masked report: not of this run, round and shape") }
        let body = UnsafeRawBufferPointer(rebasing: bytes[UpdateHeader.byteCount...])
        guard let report = RingVector(packed: body, count: form.count, bits: form.bits) else {
            throw MessageError("masked report: the unused bits of the last byte are not zero")
        }
        return report
    }
}
