internal import Compute
internal import Glibc
internal import Messages
internal import Notation
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
    private let mailbox: OwnerMailbox

    /// Hands checked updates to `mailbox`. The threads mostly wait for the disk, and one commit of a file system's
    /// journal serves all that wait for it.
    init(mailbox: OwnerMailbox, memory: UpdateMemory) throws {
        self.mailbox = mailbox
        queue = try WorkQueue(name: "spool", threads: 4, capacity: 4096) { Self.keep($0, mailbox, memory) }
    }

    /// Takes an update over; answers 503 itself when there are too many. A small one in memory is checked at once and
    /// left to the owner, who writes it with others.
    func take(_ job: Job) {
        if case .memory(let buffer, _) = job.update.content, job.update.bytes <= ReportJournal.longestBody {
            if let problem = Self.problem(buffer, job) { return Self.refuse(job, problem) }
            return Self.post(job, nil, buffer, mailbox)
        }
        if queue.add(job) { return }
        if case .file(let file, _) = job.update.content { file.discard() }
        job.responder.respond(.refusal(503, "busy", "too many updates wait for the disk", retryAfter: 5))
    }

    /// Updates that wait.
    var depth: Int { queue.depth }

    /// Finishes what waits.
    func close() { queue.close() }

    private static func keep(_ job: Job, _ mailbox: OwnerMailbox, _ memory: UpdateMemory) {
        let update = job.update
        switch update.content {
        case .hashed: post(job, nil, nil, mailbox)
        case .memory(let buffer, let path):
            if let problem = problem(buffer, job) { return refuse(job, problem) }
            guard let file = SpoolFile(creating: path, isDirect: true) else {
                return storageFailed(job, mailbox)
            }
            guard file.keep(buffer) else {
                let code = errno
                file.discard()
                return storageFailed(job, mailbox, code)
            }
            post(job, path, buffer, mailbox)
        case .file(let file, let tail):
            let isWhole = tail.map { $0.filled == 0 || file.appendPages($0) } ?? true
            guard isWhole, file.end(at: update.bytes), file.synchronise() else {
                let code = errno
                file.discard()
                return storageFailed(job, mailbox, code)
            }
            // Past the page cache where there is memory to read it back; else it is mapped.
            let content =
                tail == nil ? nil : memory.take(update.bytes).flatMap { file.read(into: $0) ? $0 : nil }
            let problem = content.map { Self.problem($0, job) } ?? Self.problem(file.path, job)
            if let problem {
                file.discard()
                return refuse(job, problem)
            }
            post(job, file.path, content, mailbox)
        }
    }

    private static func post(
        _ job: Job, _ path: String?, _ content: UpdateBuffer?, _ mailbox: OwnerMailbox
    ) {
        mailbox.post(
            .report(
                IncomingReport(
                    agent: job.agent, key: job.form.key, header: job.update.header,
                    digest: Hexadecimal.text(of: job.update.digest), bytes: job.update.bytes, path: path,
                    content: content, responder: job.responder)))
    }

    private static func refuse(_ job: Job, _ problem: (word: String, detail: String)) {
        job.responder.respond(.refusal(422, problem.word, problem.detail))
    }

    private static func storageFailed(_ job: Job, _ mailbox: OwnerMailbox, _ code: Int32 = errno) {
        mailbox.post(.storageFailed(code: code))
        job.responder.respond(
            .refusal(503, "storage", "the server cannot keep the update", retryAfter: 15))
    }

    /// What is wrong with a vector in memory, if anything.
    private static func problem(_ update: UpdateBuffer, _ job: Job) -> (word: String, detail: String)? {
        let vector = UnsafeRawBufferPointer(rebasing: update.bytes[UpdateHeader.byteCount...])
        return job.form.problem(job.update.header, vector)
    }

    /// What is wrong with the vector in a file, if anything; the file leaves memory as it is read.
    private static func problem(_ path: String, _ job: Job) -> (word: String, detail: String)? {
        guard let file = try? SharedBuffer(mappingFileAt: path), file.count == job.update.bytes else {
            return ("shape", "the update cannot be read back")
        }
        let start = UpdateHeader.byteCount
        let vector = UnsafeRawBufferPointer(rebasing: file.bytes[start...])
        return job.form.problem(job.update.header, vector) { range in
            file.release(range.lowerBound + start..<range.upperBound + start)
        }
    }
}
