internal import Compute
internal import Configuration
internal import Cryptography
internal import Federation
internal import Messages
internal import Operations
internal import Transport

/// A published model as its file, mapped: only what is being read of it is in memory, and agents are sent it from
/// there.
struct StoredModel: Sendable {
    /// The round that published it; 0: the initial one.
    let round: Int
    /// SHA-256 of the file.
    let digest: String
    /// The file.
    let buffer: SharedBuffer
    /// What the strategy remembers with the model, where agents are given that.
    private(set) var state: PublishedState?
    /// The model in few bits a parameter, where the task has such models and this is one.
    private(set) var packed: PublishedState?
    private let values: StoredValues

    /// Opens the model of a round whose file is known to have this digest. Throws a storage `Failure` where there is
    /// none, or a ``ConfigurationError`` where it is no model of this layout.
    init(_ round: Int, digest: String, in state: StateDirectory, layout: ParameterLayout) throws {
        let path = state.modelPath(round)
        guard let buffer = try state.map(path) else {
            throw Failure(.storage, "\(path): missing; restore it from a backup")
        }
        self.round = round
        self.digest = digest
        self.buffer = buffer
        values = StoredValues(
            file: buffer, bytes: try ModelFile.values(in: buffer.bytes, layout: layout, path: path))
    }

    /// The model with what the strategy remembers beside it, whose file is known to have this digest. Throws a storage
    /// `Failure` where there is none.
    func publishing(stateDigest: String, from state: StateDirectory) throws -> StoredModel {
        let path = state.optimizerStatePath(round)
        guard let buffer = try state.map(path) else { throw StateDirectory.missing(path) }
        var model = self
        model.state = PublishedState(digest: stateDigest, buffer: buffer)
        return model
    }

    /// The model with its packed form in memory; as it is where there is no grid or it is not on it.
    func packing(on grid: ModelGrid?) throws -> StoredModel {
        guard let grid, let bytes = PackedModel.pack(buffer.bytes, on: grid, count: values.count) else {
            return self
        }
        var model = self
        model.packed = PublishedState(digest: try SHA256.text(of: bytes), buffer: SharedBuffer(bytes))
        return model
    }

    /// Reads the whole file once. Throws a storage `Failure` where it has not the digest, a ``ConfigurationError``
    /// where a parameter is not finite.
    func verify(path: String) throws {
        guard try SHA256.text(of: buffer) == digest else {
            throw Failure(.storage, "\(path): missing or damaged; restore it from a backup")
        }
        guard values.areFinite else {
            throw ConfigurationError(path: path, problem: "holds values that are not finite")
        }
    }

    /// Copies the parameters from `start` on; their part of the file leaves memory again.
    func copy(from start: Int, into parameters: UnsafeMutableBufferPointer<Float>) {
        values.copy(from: start, into: parameters)
    }

    /// A copy of all parameters.
    func parameters() -> [Float] {
        [Float](unsafeUninitializedCapacity: values.count) { buffer, initialized in
            values.copy(from: 0, into: UnsafeMutableBufferPointer(rebasing: buffer[..<values.count]))
            initialized = values.count
        }
    }
}

/// What agents are sent beside a model, or in its place.
struct PublishedState: Sendable {
    /// SHA-256 of the bytes.
    let digest: String
    /// The bytes: a file, mapped, or memory.
    let buffer: SharedBuffer
}

/// The optimiser state and the clipping norm, which the server remembers between rounds besides the model, as their
/// file.
struct StoredOptimizerState: Sendable {
    /// Key of the clipping norm.
    static let clippingKey = "clipping_norm"

    /// Nil where none was kept.
    let clippingNorm: Double?
    private let width: Int
    private let values: StoredValues

    /// Throws a storage `Failure` where the bytes are no such file of a model of `count` parameters, of each of which
    /// values of these names are remembered.
    init(_ file: SharedBuffer, path: String, names: [String], count: Int) throws {
        let contents: SafeTensorsContents
        do {
            contents = try SafeTensorsContents(decoding: file.bytes)
        } catch {
            throw Failure(.storage, "\(path): damaged (\(error)); restore it from a backup")
        }
        clippingNorm = contents.metadata[Self.clippingKey].flatMap(Double.init)
        guard clippingNorm.map({ $0.isFinite && $0 > 0 }) ?? true else { throw StateDirectory.damaged(path) }
        guard let tensor = contents.tensors.first, contents.tensors.count == 1, tensor.width == 4,
            OptimizerState.fits(
                shape: tensor.shape, metadata: contents.metadata, names: names, count: count)
        else {
            throw Failure(.storage, "\(path): damaged; restore it from a backup")
        }
        width = names.count
        values = StoredValues(file: file, bytes: tensor.bytes)
    }

    /// Number of remembered values; 0 before the first round, and where the rule remembers nothing.
    var count: Int { values.count }

    /// Copies what is remembered of the parameters from `start` on: zeros before the first round.
    func copy(from start: Int, into piece: OptimizerStatePiece) {
        guard count > 0, piece.width > 0 else { return piece.clear() }
        if width == 1 { return values.copy(from: start, into: piece[0]) }
        values.read(from: width * start, count: width * piece.count, piece.load)
    }
}

/// 32-bit values, little-endian, in a part of a mapped file.
private struct StoredValues {
    let file: SharedBuffer
    let bytes: Range<Int>

    var count: Int { bytes.count / 4 }

    func copy(from start: Int, into values: UnsafeMutableBufferPointer<Float>) {
        // Safetensors is little-endian, as is every platform that this package supports.
        read(from: start, count: values.count) { UnsafeMutableRawBufferPointer(values).copyMemory(from: $0) }
    }

    /// Gives `body` the bytes of `count` values from `start` on; their part of the file leaves memory again.
    func read(from start: Int, count: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
        let first = bytes.lowerBound + 4 * start
        let range = first..<first + 4 * count
        precondition(start >= 0 && range.upperBound <= bytes.upperBound, "no such values")
        body(UnsafeRawBufferPointer(rebasing: file.bytes[range]))
        file.release(range)
    }

    /// Whether all are; the file leaves memory again as it is read.
    var areFinite: Bool {
        let window = 1 << 18
        for start in stride(from: 0, to: count, by: window) {
            let first = bytes.lowerBound + 4 * start
            let range = first..<first + 4 * min(window, count - start)
            var areFinite = true
            for place in stride(from: range.lowerBound, to: range.upperBound, by: 4) {
                areFinite =
                    areFinite && file.bytes.loadUnaligned(fromByteOffset: place, as: Float.self).isFinite
            }
            file.release(range)
            guard areFinite else { return false }
        }
        return true
    }
}
