internal import Cryptography
internal import Federation
internal import Glibc
internal import Messages
internal import SecureAggregation
internal import Transport

/// What an update must look like.
struct UpdateForm: Sendable {
    let run: String
    let round: Int
    let count: Int
    let bits: Int
    /// Whether every client weighs 1.
    let isUniform: Bool
    /// Largest squared norm in grid units, where the server sees what the client clipped; nil elsewhere.
    let squaredNormBound: UInt64?

    /// Bytes of the body.
    var bytes: Int { UpdateHeader.byteCount + RingVector.packedByteCount(count: count, bits: bits) }
}

/// Takes an update piece by piece: checks its head, hashes it and writes it to a file of the spool. Nothing of it
/// stays in memory.
final class UpdateSink: BodySink {
    private let form: UpdateForm
    /// Nil when the update can only be a repetition, and its hash is all that matters.
    private let path: String?
    private var descriptor: Int32 = -1
    private var hash: SHA256?
    private var head: [UInt8] = []
    private var header: UpdateHeader?
    private var received = 0
    private let complete: (CompleteUpdate) -> Void
    private let storageFailed: (Int32) -> Void

    /// A whole update; its file is not synced yet.
    struct CompleteUpdate: Sendable {
        let path: String?
        let descriptor: Int32
        let digest: [UInt8]
        let weight: Int
        let bytes: Int
    }

    /// Calls `complete` on the loop; whoever takes the update closes its descriptor. `storageFailed` is told the
    /// system's error number when the update cannot be written.
    init(
        _ form: UpdateForm, path: String?, storageFailed: @escaping (Int32) -> Void,
        _ complete: @escaping (CompleteUpdate) -> Void
    ) {
        self.form = form
        self.path = path
        self.complete = complete
        self.storageFailed = storageFailed
        hash = try? SHA256()
    }

    func receive(_ bytes: UnsafeRawBufferPointer) -> BodyVerdict {
        received += bytes.count
        if header == nil {
            head += bytes.prefix(UpdateHeader.byteCount - head.count)
            if head.count == UpdateHeader.byteCount, let refusal = readHeader() { return stop(refusal) }
        }
        do {
            try hash?.update(bytes)
        } catch {
            return stop(.refusal(500, "internal", "the update cannot be hashed"))
        }
        guard write(bytes) else {
            storageFailed(errno)
            return stop(.refusal(503, "storage", "the server cannot keep the update", retryAfter: 15))
        }
        return .more
    }

    func finish() -> BodyOutcome {
        guard let header, received == form.bytes else {
            discard()
            return .respond(
                .refusal(422, "shape", "the update has \(received) bytes where \(form.bytes) are wanted"))
        }
        guard let digest = try? hash.take()?.finish() else {
            discard()
            return .respond(.refusal(500, "internal", "the update cannot be hashed"))
        }
        complete(
            CompleteUpdate(
                path: path, descriptor: descriptor, digest: digest, weight: header.weight, bytes: received))
        descriptor = -1
        return .later
    }

    func abandon() { discard() }

    private func readHeader() -> HTTPResponse? {
        let header: UpdateHeader
        do {
            header = try head.withUnsafeBytes { raw throws(MessageError) in try UpdateHeader(decoding: raw) }
        } catch {
            return .refusal(422, "malformed", "\(error)")
        }
        guard header.runText == form.run else {
            return .refusal(409, "run_mismatch", "this server runs \(form.run)")
        }
        guard header.round == form.round else {
            return .refusal(409, "wrong_round", "the update is of round \(header.round)")
        }
        guard header.count == form.count, header.bits == form.bits else {
            return .refusal(
                422, "shape",
                "\(header.count) coordinates of \(header.bits) bits where \(form.count) of \(form.bits) are wanted"
            )
        }
        guard form.isUniform ? header.weight == 1 : header.weight > 0 else {
            return .refusal(
                422, "weight", form.isUniform ? "the weight must be 1" : "the weight must be above 0")
        }
        self.header = header
        return nil
    }

    private func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let path else { return true }
        if descriptor < 0 {
            descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode_t(0o600))
        }
        guard descriptor >= 0 else { return false }
        var place = 0
        while place < bytes.count {
            let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + place }, bytes.count - place)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            place += count
        }
        return true
    }

    private func stop(_ response: HTTPResponse) -> BodyVerdict {
        discard()
        return .stop(response)
    }

    private func discard() {
        if descriptor >= 0 {
            close(descriptor)
            descriptor = -1
            if let path { unlink(path) }
        }
    }
}
