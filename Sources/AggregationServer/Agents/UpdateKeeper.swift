internal import Compute
internal import Glibc
internal import Messages
internal import SecureAggregation
internal import Transport

/// Syncs complete updates and checks what their heads do not tell, on threads that may wait for the disk.
final class UpdateKeeper: Sendable {
    /// One update on its way to the round's owner.
    struct Job: Sendable {
        let form: UpdateForm
        let update: UpdateSink.CompleteUpdate
        let agent: AgentIdentity
        let responder: Responder
    }

    private let queue: WorkQueue<Job>

    /// Hands checked updates to `mailbox`.
    init(mailbox: OwnerMailbox) throws {
        queue = try WorkQueue(name: "spool", threads: 2, capacity: 4096) { Self.keep($0, mailbox) }
    }

    /// Takes an update over; answers 503 itself when there are too many.
    func take(_ job: Job) {
        if queue.add(job) { return }
        Self.discard(job)
        job.responder.respond(.refusal(503, "busy", "too many updates wait for the disk", retryAfter: 5))
    }

    /// Finishes what waits.
    /// Reports that wait.
    var depth: Int { queue.depth }

    func close() { queue.close() }

    private static func keep(_ job: Job, _ mailbox: OwnerMailbox) {
        let update = job.update
        if let path = update.path {
            guard fsync(update.descriptor) == 0 else {
                mailbox.post(.storageFailed(code: errno))
                discard(job)
                job.responder.respond(
                    .refusal(503, "storage", "the server cannot keep the update", retryAfter: 15))
                return
            }
            Glibc.close(update.descriptor)
            if let problem = problem(path, job.form) {
                unlink(path)
                job.responder.respond(.refusal(422, problem.word, problem.detail))
                return
            }
        }
        mailbox.post(
            .report(
                IncomingReport(
                    agent: job.agent, round: job.form.round, weight: update.weight,
                    digest: RunIdentity.text(update.digest), bytes: update.bytes, path: update.path,
                    responder: job.responder)))
    }

    private static func discard(_ job: Job) {
        guard let path = job.update.path else { return }
        Glibc.close(job.update.descriptor)
        unlink(path)
    }

    /// What is wrong with the vector, if anything.
    private static func problem(_ path: String, _ form: UpdateForm) -> (word: String, detail: String)? {
        guard let file = try? SharedBuffer(mappingFileAt: path), file.count == form.bytes else {
            return ("shape", "the update cannot be read back")
        }
        let body = UnsafeRawBufferPointer(rebasing: file.bytes[UpdateHeader.byteCount...])
        guard RingVector.isWireForm(body, count: form.count, bits: form.bits) else {
            return ("shape", "the unused bits of the last byte are not zero")
        }
        guard let bound = form.squaredNormBound else { return nil }
        let squared = RingVector.squaredNorm(packed: body, count: form.count, bits: form.bits)
        guard let squared, squared <= bound else {
            return ("norm", "the update is longer than the clipping norm allows")
        }
        return nil
    }
}
