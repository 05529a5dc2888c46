internal import Cryptography
internal import Encoding
internal import Federation
internal import Glibc
internal import Messages
internal import Transport

/// What an update must look like.
struct UpdateForm: Sendable {
    /// The run, and the round of the request's path.
    let key: RoundKey
    let count: Int
    let bits: Int
    /// Whether every client weighs 1.
    let isUniform: Bool
    /// Largest squared norm in grid units, where the server sees what the client clipped; nil elsewhere.
    let squaredNormBound: UInt64?

    /// Grid points a unit of the model where floating-point numbers are taken too; nil where only the ring's integers
    /// are.
    let floatScale: Double?

    /// How updates are compressed; nil where they travel whole.
    let compressor: (any UpdateCompressor)?

    /// Bytes of the longest body.
    var bytes: Int { UpdateHeader.byteCount + RingVector.packedByteCount(count: count, bits: bits) }

    /// Bytes that follow a header.
    func bodyByteCount(_ header: UpdateHeader) -> Int {
        header.bodyByteCount(compressed: compressor?.byteCount(count) ?? 0)
    }

    /// Whether coordinates are wanted in this form: compressed ones where the task compresses, and nothing else then.
    func wants(_ values: UpdateHeader.Values) -> Bool {
        switch values {
        case .ring: compressor == nil
        case .floats: floatScale != nil && compressor == nil
        case .compressed: floatScale != nil && compressor != nil
        }
    }

    /// Why a report with this header is none of the round; nil where it is one.
    func refusal(of header: UpdateHeader) -> HTTPResponse? {
        guard header.runText == key.run else {
            return .refusal(409, "run_mismatch", "this server runs \(key.run)")
        }
        guard header.round == key.round else {
            return .refusal(409, "wrong_round", "the update is of round \(header.round)")
        }
        guard header.count == count, header.bits == bits else {
            return .refusal(
                422, "shape",
                "\(header.count) coordinates of \(header.bits) bits where \(count) of \(bits) are wanted"
            )
        }
        guard wants(header.values) else {
            return .refusal(422, "shape", "\(header.values) where the task wants its updates in another form")
        }
        guard isUniform ? header.weight == 1 : header.weight > 0 else {
            return .refusal(
                422, "weight", isUniform ? "the weight must be 1" : "the weight must be above 0")
        }
        return nil
    }

    /// What is wrong with a vector behind its header, if anything. `consumed` is told which of its bytes are not
    /// needed any more.
    func problem(
        _ header: UpdateHeader, _ vector: UnsafeRawBufferPointer, consumed: (Range<Int>) -> Void = { _ in }
    ) -> (word: String, detail: String)? {
        guard vector.count == bodyByteCount(header) else {
            return ("shape", "the update has \(vector.count) bytes behind its header")
        }
        let factor = floatScale.map { $0 * Double(header.weight) } ?? .nan
        if header.values == .compressed {
            guard let norm = compressor?.norm(vector, count: count) else {
                return ("malformed", "the update is not compressed as the task has it")
            }
            guard norm * factor < Aggregation.largestUnclipped else {
                return ("not_finite", "the update is too large for the ring")
            }
            return nil
        }
        if header.values == .floats {
            guard Aggregation.fits(floats: vector, factor: factor, consumed: consumed) else {
                return ("not_finite", "the update is not finite, or too large for the ring")
            }
            return nil
        }
        guard RingVector.isWireForm(vector, count: count, bits: bits) else {
            return ("shape", "the unused bits of the last byte are not zero")
        }
        guard let squaredNormBound else { return nil }
        let squared = RingVector.squaredNorm(packed: vector, count: count, bits: bits, consumed: consumed)
        guard let squared, squared <= squaredNormBound else {
            return ("norm", "the update is longer than the clipping norm allows")
        }
        return nil
    }
}

/// Takes an update piece by piece: checks its head, hashes it, and keeps it in memory or, where that is used up, in a
/// file of the spool.
final class UpdateSink: BodySink {
    /// Where the bytes are.
    enum Content: Sendable {
        /// Nowhere: the update can only be a repetition, and its hash is all that matters.
        case hashed
        /// In memory, to be written to the path.
        case memory(UpdateBuffer, path: String)
        /// In the file, which is not synced yet; its end may be in memory still.
        case file(SpoolFile, tail: UpdateBuffer?)
    }

    /// A whole update.
    struct CompleteUpdate: Sendable {
        let content: Content
        let digest: [UInt8]
        let header: UpdateHeader
        let bytes: Int
    }

    private let form: UpdateForm
    private let length: Int
    private let path: String?
    private let memory: UpdateMemory
    /// Nil before the first byte and after the end.
    private var content: Content?
    private var hash: SHA256?
    private var head: [UInt8] = []
    private var header: UpdateHeader?
    private var received = 0
    private let complete: (CompleteUpdate) -> Void
    private let storageFailed: (Int32) -> Void

    /// Calls `complete` on the loop. `length` are the bytes that will come at most. `storageFailed` is told the system's error number when the update cannot be
    /// written. `path` is nil for a repetition.
    init(
        _ form: UpdateForm, length: Int, path: String?, memory: UpdateMemory,
        storageFailed: @escaping (Int32) -> Void,
        _ complete: @escaping (CompleteUpdate) -> Void
    ) {
        self.form = form
        self.length = length
        self.path = path
        self.memory = memory
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
        guard keep(bytes) else {
            storageFailed(errno)
            return stop(.refusal(503, "storage", "the server cannot keep the update", retryAfter: 15))
        }
        return .more
    }

    func finish() -> BodyOutcome {
        let wanted = UpdateHeader.byteCount + (header.map { form.bodyByteCount($0) } ?? 0)
        guard let header, let content, received == wanted else {
            discard()
            return .respond(
                .refusal(422, "shape", "the update has \(received) bytes where \(wanted) are wanted"))
        }
        guard let digest = try? hash.take()?.finish() else {
            discard()
            return .respond(.refusal(500, "internal", "the update cannot be hashed"))
        }
        self.content = nil
        complete(
            CompleteUpdate(content: content, digest: digest, header: header, bytes: received))
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
        if let refusal = form.refusal(of: header) { return refusal }
        self.header = header
        return nil
    }

    /// False, with the reason in `errno`, where the file takes no more.
    private func keep(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if content == nil {
            guard let first = place() else { return false }
            content = first
        }
        switch content {
        case nil, .hashed: return true
        case .memory(let buffer, _): return buffer.append(bytes)
        case .file(let file, nil): return file.append(bytes)
        case .file(let file, let tail?): return append(bytes, to: tail, file)
        }
    }

    /// Decides with the first bytes, not with the head: who says that much will come and sends none holds nothing.
    private func place() -> Content? {
        guard let path else { return .hashed }
        if let buffer = memory.take(length, within: Self.wholeShare) { return .memory(buffer, path: path) }
        let tail = memory.take(min(length, Self.pieceByteCount), within: Self.pieceShare)
        return SpoolFile(creating: path, isDirect: tail != nil).map { .file($0, tail: tail) }
    }

    /// Pieces in which an update goes to its file where it is not kept in memory as a whole.
    private static let pieceByteCount = 1 << 20
    /// How much of the memory may be used for whole updates, and for these and pieces; the rest is for reading updates
    /// back.
    private static let wholeShare = 0.5
    private static let pieceShare = 0.75

    private func append(_ bytes: UnsafeRawBufferPointer, to tail: UpdateBuffer, _ file: SpoolFile) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(tail.space)
            rest = rest.dropFirst(part.count)
            guard tail.append(UnsafeRawBufferPointer(rebasing: part)) else { return false }
            if tail.space == 0 {
                guard file.appendPages(tail) else { return false }
                tail.clear()
            }
        }
        return true
    }

    private func stop(_ response: HTTPResponse) -> BodyVerdict {
        discard()
        return .stop(response)
    }

    private func discard() {
        if case .file(let file, _) = content { file.discard() }
        content = nil
    }
}
