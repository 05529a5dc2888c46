internal import Federation
internal import Foundation
internal import Glibc
internal import Messages
internal import Operations
internal import SecureAggregation

/// The server's state on disk. Every write is to a temporary name, synced, renamed, and the folder synced: after
/// a crash at any instant a reader sees the old content or the new.
struct StateDirectory: Sendable {
    let path: String

    /// Creates the folders where missing. Throws a storage `Failure`.
    init(_ path: String) throws {
        self.path = try OutputDirectory(path, mode: 0o700).path
        for folder in ["rounds", "models", "spool"] {
            _ = try OutputDirectory("\(path)/\(folder)", mode: 0o700)
        }
    }

    /// The path of the ledger.
    var ledger: String { "\(path)/ledger.jsonl" }
    /// The path of the registry of agents.
    var agents: String { "\(path)/agents.jsonl" }

    /// Bytes that this process may still write on the device; nil when the system does not say.
    var freeBytes: Int? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return Int(status.f_bavail) * Int(status.f_frsize)
    }

    /// The path of the key of noise in trees over rounds, as secret as the exact sums.
    var treeNoisePath: String { "\(path)/tree-noise.key" }

    /// That key; nil where none was made. Throws when it is damaged.
    func treeNoiseKey() throws -> [UInt8]? {
        guard let bytes = try contents(treeNoisePath) else { return nil }
        guard bytes.count == TreeNoiseSource.keyByteCount else {
            throw Failure(.storage, "\(treeNoisePath): damaged; restore it from a backup")
        }
        return bytes
    }

    func writeTreeNoiseKey(_ bytes: [UInt8]) throws {
        try AtomicFile.write(bytes, to: treeNoisePath, mode: 0o600)
    }

    // MARK: Run and rounds

    /// The run that the folder holds; nil for a new one. Throws when the file is damaged.
    func run() throws -> RunState? { try read(RunState.self, "\(path)/run.json") }

    func write(_ state: RunState) throws { try write(state, to: "\(path)/run.json") }

    /// A round's file; nil where there is none.
    func round(_ number: Int) throws -> RoundFile? { try read(RoundFile.self, roundPath(number)) }

    func write(_ round: RoundFile) throws { try write(round, to: roundPath(round.round)) }

    // MARK: Models

    func modelPath(_ round: Int) -> String { "\(path)/models/\(Self.name(round)).safetensors" }
    /// What the strategy remembers after a round, where it remembers anything.
    private func memoryPath(_ round: Int) -> String { "\(path)/models/\(Self.name(round)).memory" }

    /// Bytes of a model's file; nil where there is none.
    func modelLength(_ round: Int) -> Int? {
        (try? FileManager.default.attributesOfItem(atPath: modelPath(round)))?[.size] as? Int
    }

    func readModel(_ round: Int) throws -> [UInt8]? { try contents(modelPath(round)) }

    /// What strategy and clipping remember between rounds, besides the model.
    struct Memory {
        var strategy: [Float] = []
        var clippingNorm: Double?

        init() {}

        init(_ model: GlobalModel) {
            strategy = model.strategy.state
            clippingNorm = model.clippingNorm.isFinite ? model.clippingNorm : nil
        }
    }

    /// Stores a model and what is remembered with it; the model's file comes last.
    func writeModel(_ round: Int, _ bytes: [UInt8], _ memory: Memory) throws {
        let tensor = SafeTensors.Tensor(
            name: "strategy.state", shape: [memory.strategy.count], values: memory.strategy)
        let metadata = memory.clippingNorm.map { ["clipping_norm": "\($0)"] } ?? [:]
        try AtomicFile.write(
            SafeTensors(tensors: [tensor], metadata: metadata).encoded(), to: memoryPath(round), mode: 0o600)
        try AtomicFile.write(bytes, to: modelPath(round))
    }

    func writeLatest(_ bytes: [UInt8]) throws {
        try AtomicFile.write(bytes, to: "\(path)/models/latest.safetensors")
    }

    /// What was remembered with a model.
    func memory(_ round: Int) throws -> Memory {
        guard let bytes = try contents(memoryPath(round)) else {
            throw Failure(.storage, "\(memoryPath(round)): missing; restore it from a backup")
        }
        let file = try bytes.withUnsafeBytes { try SafeTensors(decoding: $0) }
        var memory = Memory()
        memory.strategy = file.tensors.first?.values ?? []
        memory.clippingNorm = file.metadata["clipping_norm"].flatMap(Double.init)
        return memory
    }

    /// Rounds whose models are kept, ascending.
    func modelRounds() throws -> [Int] {
        try FileManager.default.contentsOfDirectory(atPath: "\(path)/models").compactMap { name in
            guard name.hasSuffix(".safetensors") else { return nil }
            return Int(name.dropLast(".safetensors".count))
        }.sorted()
    }

    /// Numbers of all rounds with a file, ascending.
    func roundNumbers() throws -> [Int] {
        try FileManager.default.contentsOfDirectory(atPath: "\(path)/rounds").compactMap { name in
            name.hasSuffix(".json") ? Int(name.dropLast(".json".count)) : nil
        }.sorted()
    }

    /// Removes the oldest models so that `count` are left.
    func keepModels(_ count: Int) throws {
        for round in try modelRounds().dropLast(count) {
            try AtomicFile.remove(memoryPath(round))
            try AtomicFile.remove(modelPath(round))
        }
    }

    // MARK: Noisy sum

    private func noisySumPath(_ round: Int) -> String { "\(path)/spool/\(Self.name(round)).noisy-sum" }

    /// The stored noisy sum and weight of a round; nil where none was stored. Throws when it does not fit.
    func noisySum(_ round: Int, count: Int, bits: Int) throws -> (sum: RingVector, weight: Int)? {
        guard let bytes = try contents(noisySumPath(round)) else { return nil }
        let read = bytes.withUnsafeBytes { raw -> (RingVector, Int)? in
            guard raw.count >= 8 else { return nil }
            let weight = Int(Int64(littleEndian: raw.loadUnaligned(as: Int64.self)))
            let body = UnsafeRawBufferPointer(rebasing: raw[8...])
            return RingVector(packed: body, count: count, bits: bits).map { ($0, weight) }
        }
        guard let read else {
            throw Failure(.storage, "\(noisySumPath(round)): damaged; restore it from a backup")
        }
        return read
    }

    func writeNoisySum(_ round: Int, _ sum: RingVector, weight: Int) throws {
        let head = withUnsafeBytes(of: Int64(weight).littleEndian) { Array($0) }
        try AtomicFile.write(head + sum.packed(), to: noisySumPath(round), mode: 0o600)
    }

    func removeNoisySum(_ round: Int) throws { try AtomicFile.remove(noisySumPath(round)) }

    // MARK: Files

    /// Six digits, more for rounds above 999,999.
    static func name(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    private func roundPath(_ number: Int) -> String { "\(path)/rounds/\(Self.name(number)).json" }

    private func contents(_ path: String) throws -> [UInt8]? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(.storage, "cannot read \(path); check its permissions and the device")
        }
        return Array(data)
    }

    private func read<Value: Decodable>(_ type: Value.Type, _ path: String) throws -> Value? {
        guard let bytes = try contents(path) else { return nil }
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            throw Failure(.storage, "\(path): damaged; restore it from a backup")
        }
    }

    private func write(_ value: some Encodable, to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        try AtomicFile.write(Array(try encoder.encode(value)) + [0x0A], to: path, mode: 0o600)
    }
}
