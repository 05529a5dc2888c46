internal import Foundation
internal import Messages
internal import Operations
internal import Transport

/// Models on disk. They are written and read piece by piece: a model may have a gigabyte, and none is ever in memory
/// whole.
extension StateDirectory {
    /// Parameters that are in memory at once.
    private static let windowCount = 1 << 18

    func modelPath(_ round: Int) -> String { "\(path)/models/\(Self.name(round)).safetensors" }
    /// What the strategy remembers after a round, where it remembers anything.
    func memoryPath(_ round: Int) -> String { "\(path)/models/\(Self.name(round)).memory" }

    /// Bytes of a model's file; nil where there is none.
    func modelLength(_ round: Int) -> Int? {
        (try? FileManager.default.attributesOfItem(atPath: modelPath(round)))?[.size] as? Int
    }

    /// Stores a model of `count` parameters and what is remembered with it, and returns the SHA-256 of its file. The
    /// file begins with `head`; the model's file comes last. `fill` gives the values, window by window from the first
    /// on: it is told the first parameter of the window and writes its parameters, and what the strategy remembers of
    /// them. That buffer is empty where the strategy does not remember. `memoryHash` takes in the file of what is
    /// remembered.
    func writeModel(
        _ round: Int, head: [UInt8], count: Int, clippingNorm: Double, remembers: Bool,
        windowCount: Int = Self.windowCount, memoryHash: RunningHash? = nil,
        fill: (Int, UnsafeMutableBufferPointer<Float>, UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws -> String {
        let window = min(windowCount, count)
        let parameters = UnsafeMutableBufferPointer<Float>.allocate(capacity: window)
        defer { parameters.deallocate() }
        parameters.initialize(repeating: 0)
        let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: remembers ? window : 0)
        defer { memory.deallocate() }
        memory.initialize(repeating: 0)
        let memoryHead = SafeTensors.head(
            [(StoredMemory.stateName, [remembers ? count : 0])],
            metadata: clippingNorm.isFinite ? [StoredMemory.clippingKey: "\(clippingNorm)"] : [:])
        let hash = try RunningHash()
        try AtomicFile.write(to: modelPath(round)) { modelFile in
            func append(_ bytes: UnsafeRawBufferPointer) throws {
                try modelFile.append(bytes)
                try hash.update(bytes)
            }
            try head.withUnsafeBytes(append)
            try AtomicFile.write(to: memoryPath(round), mode: 0o600) { memoryFile in
                func remember(_ bytes: UnsafeRawBufferPointer) throws {
                    try memoryFile.append(bytes)
                    try memoryHash?.update(bytes)
                }
                try memoryHead.withUnsafeBytes(remember)
                for start in stride(from: 0, to: count, by: window) {
                    let length = min(window, count - start)
                    let values = UnsafeMutableBufferPointer(rebasing: parameters[..<length])
                    let remembered = UnsafeMutableBufferPointer(rebasing: memory[..<(remembers ? length : 0)])
                    try fill(start, values, remembered)
                    try append(UnsafeRawBufferPointer(values))
                    try remember(UnsafeRawBufferPointer(remembered))
                }
            }
        }
        return try hash.text()
    }

    /// Gives the model of a round, which is stored, the name of the latest.
    func writeLatest(_ round: Int) throws { try AtomicFile.publish(modelPath(round), as: latestPath) }

    private var latestPath: String { "\(path)/models/latest.safetensors" }

    /// Gives the newest model its other name again where that is lost or another file's; the model of `next` may have
    /// it already.
    func mendLatest(_ round: Int, digest: String, next: Int) throws {
        if let latest = try map(latestPath) {
            let known = try map(modelPath(next)).map { try Hash.text(of: $0) }
            let found = try Hash.text(of: latest)
            if found == digest || found == known { return }
        }
        try writeLatest(round)
    }

    /// What was remembered with a model of `count` parameters; `digest`: what its file must hash to, where that is
    /// known.
    func memory(_ round: Int, count: Int, digest: String? = nil) throws -> StoredMemory {
        let path = memoryPath(round)
        guard let file = try map(path) else { throw Self.missing(path) }
        if let digest, try Hash.text(of: file) != digest { throw Self.damaged(path) }
        return try StoredMemory(file, path: path, count: count)
    }

    /// Rounds whose models are kept, ascending.
    func modelRounds() throws -> [Int] { try numbers(of: "safetensors", in: "models") }

    /// Removes the oldest models so that `count` are left.
    func keepModels(_ count: Int) throws {
        for round in try modelRounds().dropLast(count) {
            try AtomicFile.remove(memoryPath(round))
            try AtomicFile.remove(modelPath(round))
        }
    }
}
