internal import Cryptography
internal import Federation
internal import Foundation
internal import Messages
internal import Operations
internal import Transport

/// Models on disk. They are written and read piece by piece: a model may have a gigabyte, and none is ever in memory
/// whole.
extension StateDirectory {
    /// Parameters that are in memory at once.
    private static let windowCount = 1 << 18

    func modelPath(_ round: Int) -> String { Self.modelPath(round, in: path) }
    /// The same in the state directory at `path`.
    static func modelPath(_ round: Int, in path: String) -> String {
        "\(path)/models/\(name(round)).safetensors"
    }
    /// The optimiser state and the clipping norm after a round.
    func optimizerStatePath(_ round: Int) -> String { "\(path)/models/\(Self.name(round)).memory" }

    /// Bytes of a model's file; nil where there is none.
    func modelLength(_ round: Int) -> Int? {
        (try? FileManager.default.attributesOfItem(atPath: modelPath(round)))?[.size] as? Int
    }

    /// Stores a model of `count` parameters and its optimiser state, and returns the SHA-256 of its file. The file begins
    /// with `head`; the model's file comes last. `fill` gives the values, window by window from the first on: it is told
    /// the first parameter of the window and writes its parameters, and their optimiser state, values of the names
    /// `stateNames`. `stateHash` takes in the file of the state. Where the state is that of the earlier round `sameAs`, its
    /// file gets one more name.
    func writeModel(
        _ round: Int, head: [UInt8], count: Int, clippingNorm: Double, stateNames: [String],
        sameAs earlier: Int? = nil, windowCount: Int = Self.windowCount, stateHash: RunningHash? = nil,
        fill: (Int, UnsafeMutableBufferPointer<Float>, OptimizerStatePiece) throws -> Void
    ) throws -> String {
        let window = min(windowCount, count)
        let parameters = UnsafeMutableBufferPointer<Float>.allocate(capacity: window)
        defer { parameters.deallocate() }
        parameters.initialize(repeating: 0)
        let state = StateWindow(width: stateNames.count, count: window)
        let stateHead = SafeTensors.head(
            [(OptimizerState.fileKey, OptimizerState.shape(names: stateNames, count: count))],
            metadata: OptimizerState.metadata(names: stateNames).merging(
                clippingNorm.isFinite ? [StoredOptimizerState.clippingKey: "\(clippingNorm)"] : [:]
            ) { $1 })
        let hash = try RunningHash()
        try AtomicFile.write(to: modelPath(round)) { modelFile in
            func append(_ bytes: UnsafeRawBufferPointer) throws {
                try modelFile.append(bytes)
                try hash.update(bytes)
            }
            try head.withUnsafeBytes(append)
            if stateNames.isEmpty, let earlier, let kept = try map(optimizerStatePath(earlier)) {
                try stateHash?.update(kept.bytes)
                try AtomicFile.publish(
                    optimizerStatePath(earlier), as: optimizerStatePath(round), mode: 0o600,
                    syncsFolder: false)
                for start in stride(from: 0, to: count, by: window) {
                    let length = min(window, count - start)
                    let values = UnsafeMutableBufferPointer(rebasing: parameters[..<length])
                    try fill(start, values, state.whole[0..<length])
                    try append(UnsafeRawBufferPointer(values))
                }
                return
            }
            // The folder is synced with the model's name, which comes last.
            try AtomicFile.write(to: optimizerStatePath(round), mode: 0o600, syncsFolder: false) {
                stateFile in
                func remember(_ bytes: UnsafeRawBufferPointer) throws {
                    try stateFile.append(bytes)
                    try stateHash?.update(bytes)
                }
                try stateHead.withUnsafeBytes(remember)
                for start in stride(from: 0, to: count, by: window) {
                    let length = min(window, count - start)
                    let values = UnsafeMutableBufferPointer(rebasing: parameters[..<length])
                    let piece = state.whole[0..<length]
                    try fill(start, values, piece)
                    try append(UnsafeRawBufferPointer(values))
                    try remember(state.rows(of: piece))
                }
            }
        }
        return try hash.text()
    }

    /// Gives the model of a round, which is stored, the name of the latest. After a crash that may be lost:
    /// ``mendLatest(_:digest:next:)``.
    func writeLatest(_ round: Int) throws {
        try AtomicFile.publish(modelPath(round), as: latestPath, syncsFolder: false)
    }

    private var latestPath: String { "\(path)/models/latest.safetensors" }

    /// Gives the newest model its other name again where that is lost or another file's; the model of `next` may have
    /// it already.
    func mendLatest(_ round: Int, digest: String, next: Int) throws {
        if let latest = try map(latestPath) {
            let known = try map(modelPath(next)).map { try SHA256.text(of: $0) }
            let found = try SHA256.text(of: latest)
            if found == digest || found == known { return }
        }
        try writeLatest(round)
    }

    /// The optimiser state of a model of `count` parameters, values of the names `names`; `digest`: what its file must
    /// hash to, where that is known.
    func optimizerState(
        _ round: Int, names: [String], count: Int, digest: String? = nil
    ) throws -> StoredOptimizerState {
        let path = optimizerStatePath(round)
        guard let file = try map(path) else { throw Self.missing(path) }
        if let digest, try SHA256.text(of: file) != digest { throw Self.damaged(path) }
        return try StoredOptimizerState(file, path: path, names: names, count: count)
    }

    /// Rounds whose models are kept, ascending.
    func modelRounds() throws -> [Int] { try numbers(of: "safetensors", in: "models") }

    /// Removes the oldest models so that `count` are left. After a crash they may be there again, and go the next time.
    func keepModels(_ count: Int) throws {
        for round in try modelRounds().dropLast(count) {
            try AtomicFile.remove(optimizerStatePath(round), durably: false)
            try AtomicFile.remove(modelPath(round), durably: false)
        }
    }
}
