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
    private func memoryPath(_ round: Int) -> String { "\(path)/models/\(Self.name(round)).memory" }

    /// Bytes of a model's file; nil where there is none.
    func modelLength(_ round: Int) -> Int? {
        (try? FileManager.default.attributesOfItem(atPath: modelPath(round)))?[.size] as? Int
    }

    /// Stores a model of `count` parameters and what is remembered with it, and returns the SHA-256 of its file. The
    /// file begins with `head`; the model's file comes last. `fill` gives the values, window by window from the first
    /// on: it is told the first parameter of the window and writes its parameters, and what the strategy remembers of
    /// them. That buffer is empty where the strategy does not remember.
    func writeModel(
        _ round: Int, head: [UInt8], count: Int, clippingNorm: Double, remembers: Bool,
        windowCount: Int = Self.windowCount,
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
                try memoryHead.withUnsafeBytes { try memoryFile.append($0) }
                for start in stride(from: 0, to: count, by: window) {
                    let length = min(window, count - start)
                    let values = UnsafeMutableBufferPointer(rebasing: parameters[..<length])
                    let remembered = UnsafeMutableBufferPointer(rebasing: memory[..<(remembers ? length : 0)])
                    try fill(start, values, remembered)
                    try append(UnsafeRawBufferPointer(values))
                    try memoryFile.append(UnsafeRawBufferPointer(remembered))
                }
            }
        }
        return try hash.text()
    }

    /// Gives the model of a round, which is stored, the name of the latest.
    func writeLatest(_ round: Int) throws {
        try AtomicFile.publish(modelPath(round), as: "\(path)/models/latest.safetensors")
    }

    /// What was remembered with a model of `count` parameters.
    func memory(_ round: Int, count: Int) throws -> StoredMemory {
        let path = memoryPath(round)
        guard let file = try map(path) else {
            throw Failure(.storage, "\(path): missing; restore it from a backup")
        }
        return try StoredMemory(file, path: path, count: count)
    }

    /// Rounds whose models are kept, ascending.
    func modelRounds() throws -> [Int] {
        try FileManager.default.contentsOfDirectory(atPath: "\(path)/models").compactMap { name in
            guard name.hasSuffix(".safetensors") else { return nil }
            return Int(name.dropLast(".safetensors".count))
        }.sorted()
    }

    /// Removes the oldest models so that `count` are left.
    func keepModels(_ count: Int) throws {
        for round in try modelRounds().dropLast(count) {
            try AtomicFile.remove(memoryPath(round))
            try AtomicFile.remove(modelPath(round))
        }
    }
}
