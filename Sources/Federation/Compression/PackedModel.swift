/// A published model's file as it travels in few bits (``ModelGrid``): its head as it is, and the parameters packed. Whoever
/// unpacks it holds the file to the byte, and can check its announced SHA-256.
package enum PackedModel {
    /// The bytes of a model's file of `count` parameters; nil where these are not on the grid.
    package static func pack(
        _ file: UnsafeRawBufferPointer, on grid: ModelGrid, count: Int
    ) -> [UInt8]? {
        let head = file.count - 4 * count
        guard head >= headLength, headCount(file) == head else { return nil }
        let parameters = [Float](unsafeUninitializedCapacity: count) { values, initialized in
            UnsafeMutableRawBufferPointer(values).copyMemory(from: .init(rebasing: file[head...]))
            initialized = count
        }
        return parameters.withUnsafeBufferPointer(grid.pack).map { Array(file[..<head]) + $0 }
    }

    /// The file of `fileBytes` bytes that these bytes stand for; nil where they are none. The bytes may be anything.
    package static func unpack(
        _ bytes: UnsafeRawBufferPointer, on grid: ModelGrid, fileBytes: Int
    ) -> [UInt8]? {
        guard let head = headCount(bytes), fileBytes >= head, (fileBytes - head) % 4 == 0 else { return nil }
        let count = (fileBytes - head) / 4
        guard count < 1 << 48, bytes.count - head == grid.byteCount(count),
            let parameters = grid.unpack(.init(rebasing: bytes[head...]), count: count)
        else { return nil }
        // Safetensors is little-endian, as is every platform that this package supports.
        return parameters.withUnsafeBytes { Array(bytes[..<head]) + $0 }
    }

    /// Bytes that say how long the rest of a safetensors file's head is.
    private static let headLength = 8

    private static func headCount(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= headLength else { return nil }
        let rest = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard rest <= UInt64(bytes.count - headLength) else { return nil }
        return headLength + Int(rest)
    }
}
