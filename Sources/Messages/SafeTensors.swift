internal import Notation

/// Why bytes are not an acceptable safetensors file.
package struct SafeTensorsError: Error, Equatable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = "safetensors: \(description)" }
}

/// A safetensors file: named tensors and string metadata. `F32` is written; `F16`, `BF16`, and `F64` (rounded) are read
/// too.
///
/// Strict reader: sizes are checked before anything is allocated, and tensors must tile the data exactly.
package struct SafeTensors: Equatable, Sendable {
    /// One tensor: row-major values.
    package struct Tensor: Equatable, Sendable {
        package let name: String
        package let shape: [Int]
        package let values: [Float]

        package init(name: String, shape: [Int], values: [Float]) {
            self.name = name
            self.shape = shape
            self.values = values
        }
    }

    /// The tensors in file order.
    package var tensors: [Tensor]
    /// The `__metadata__` object.
    package var metadata: [String: String]
    /// Tensors of other types that reading passed over.
    package var passedOver: [SafeTensorsContents.Passed] = []

    /// Largest header that is read, in bytes.
    package static let headerLimit = 16 << 20

    package init(tensors: [Tensor], metadata: [String: String] = [:]) {
        self.tensors = tensors
        self.metadata = metadata
    }

    /// What stands before the values of `F32` tensors of these names and shapes, which follow in this order without
    /// gaps, little-endian. Deterministic: equal arguments give equal bytes.
    package static func head(_ tensors: [(name: String, shape: [Int])], metadata: [String: String]) -> [UInt8]
    {
        var header = HeaderWriter()
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }
                .map { "\(JSONText.quoted($0.key)):\(JSONText.quoted($0.value))" }
            header.append(name: "__metadata__", object: "{\(pairs.joined(separator: ","))}")
        }
        var offset = 0
        for tensor in tensors {
            let end = offset + tensor.shape.reduce(4, *)
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            header.append(
                name: tensor.name,
                object: "{\"dtype\":\"F32\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        let text = header.padded()
        return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
    }

    /// The file's bytes. Deterministic: equal contents give equal bytes.
    package func encoded() -> [UInt8] {
        var bytes = Self.head(tensors.map { ($0.name, $0.shape) }, metadata: metadata)
        bytes.reserveCapacity(bytes.count + tensors.reduce(0) { $0 + $1.values.count * 4 })
        for tensor in tensors {
            // Safetensors is little-endian, as is every platform that this package supports.
            tensor.values.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    /// Reads a whole file. Throws ``SafeTensorsError`` for anything but a well-formed one, and for tensors of other types
    /// unless these are passed over.
    package init(decoding bytes: UnsafeRawBufferPointer, passesOverOthers: Bool = false) throws {
        let contents = try SafeTensorsContents(decoding: bytes, passesOverOthers: passesOverOthers)
        tensors = contents.tensors.map { place in
            Tensor(
                name: place.name, shape: place.shape,
                values: Self.values(UnsafeRawBufferPointer(rebasing: bytes[place.bytes]), place.kind))
        }
        metadata = contents.metadata
        passedOver = contents.passedOver
    }

    private static func values(
        _ data: UnsafeRawBufferPointer, _ kind: SafeTensorsContents.Kind
    ) -> [Float] {
        let count = data.count / kind.width
        return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            func fill<Stored>(_ type: Stored.Type, _ value: (Stored) -> Float) {
                for index in 0..<count {
                    let place = index * MemoryLayout<Stored>.size
                    buffer[index] = value(data.loadUnaligned(fromByteOffset: place, as: Stored.self))
                }
            }
            switch kind {
            case .float32: fill(Float.self) { $0 }
            case .float64: fill(Double.self) { Float($0) }
            case .float16: fill(UInt16.self) { Float(Float16(bitPattern: $0)) }
            case .brain16: fill(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
            }
            initialized = count
        }
    }
}

/// Writes the header by hand, because its order is part of the bytes that are hashed.
private struct HeaderWriter {
    private var members: [String] = []

    mutating func append(name: String, object: String) {
        members.append("\(JSONText.quoted(name)):\(object)")
    }

    /// The header, padded with spaces so that the data start at a multiple of eight.
    func padded() -> [UInt8] {
        var bytes = Array("{\(members.joined(separator: ","))}".utf8)
        while bytes.count % 8 != 0 { bytes.append(UInt8(ascii: " ")) }
        return bytes
    }
}
