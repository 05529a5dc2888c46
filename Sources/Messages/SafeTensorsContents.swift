/// What a safetensors file holds and where, checked, without its values: for files too large to be read at once.
package struct SafeTensorsContents: Sendable {
    /// One tensor's place in the file.
    package struct Tensor: Equatable, Sendable {
        package let name: String
        package let shape: [Int]
        /// How its values are stored.
        package let kind: Kind
        /// Bytes of one value.
        package var width: Int { kind.width }
        /// Where the values lie in the file, row-major and little-endian.
        package let bytes: Range<Int>
    }

    /// Numbers that are read.
    package enum Kind: String, CaseIterable, Sendable {
        case float16 = "F16"
        /// The upper half of a 32-bit float.
        case brain16 = "BF16"
        case float32 = "F32"
        case float64 = "F64"

        /// Bytes of one value.
        package var width: Int {
            switch self {
            case .float16, .brain16: 2
            case .float32: 4
            case .float64: 8
            }
        }
    }

    /// A tensor whose values are not read.
    package struct Passed: Equatable, Sendable {
        package let name: String
        /// Its type as the file names it, such as `I64`.
        package let type: String

        package init(name: String, type: String) { (self.name, self.type) = (name, type) }
    }

    /// The tensors in file order; with those of other types they are everything after the header.
    package let tensors: [Tensor]
    /// Tensors of types that are not read; empty unless they are passed over.
    package let passedOver: [Passed]
    /// The `__metadata__` object.
    package let metadata: [String: String]

    /// Reads the header and checks that the tensors tile what follows. Throws ``SafeTensorsError`` for anything but a
    /// well-formed file, and for a tensor of another type unless these are passed over.
    package init(decoding bytes: UnsafeRawBufferPointer, passesOverOthers: Bool = false) throws {
        guard bytes.count >= 8 else { throw SafeTensorsError("shorter than its 8-byte length field") }
        let announced = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard announced <= UInt64(SafeTensors.headerLimit), Int(announced) <= bytes.count - 8 else {
            throw SafeTensorsError("header of \(announced) bytes does not fit the file")
        }
        let start = 8 + Int(announced)
        let headerBytes = bytes[8..<start]
        guard headerBytes.first == UInt8(ascii: "{") else {
            throw SafeTensorsError("header is not an object")
        }
        let header = try SafeTensorsHeaderEntry.all(UnsafeRawBufferPointer(rebasing: headerBytes))
        var metadata: [String: String] = [:]
        var described: [(name: String, entry: SafeTensorsHeaderEntry.TensorEntry)] = []
        for (name, entry) in header {
            switch entry {
            case .metadata(let values):
                guard name == "__metadata__" else {
                    throw SafeTensorsError("tensor \"\(name)\" lacks its fields")
                }
                metadata = values
            case .tensor(let tensor):
                guard name != "__metadata__" else { throw SafeTensorsError("__metadata__ is not metadata") }
                described.append((name, tensor))
            }
        }
        described.sort { ($0.entry.begin, $0.entry.end, $0.name) < ($1.entry.begin, $1.entry.end, $1.name) }
        let count = bytes.count - start
        var position = 0
        var passed: [Passed] = []
        tensors = try described.compactMap { name, entry in
            guard entry.begin == position, entry.end >= entry.begin, entry.end <= count else {
                throw SafeTensorsError("tensor \"\(name)\" does not follow on the data before it")
            }
            position = entry.end
            if passesOverOthers, Kind(rawValue: entry.dtype) == nil {
                passed.append(Passed(name: name, type: entry.dtype))
                return nil
            }
            return try Self.tensor(name, entry, start: start)
        }
        passedOver = passed
        guard position == count else {
            throw SafeTensorsError("\(count - position) bytes belong to no tensor")
        }
        self.metadata = metadata
    }

    private static func tensor(
        _ name: String, _ entry: SafeTensorsHeaderEntry.TensorEntry, start: Int
    ) throws -> Tensor {
        guard let kind = Kind(rawValue: entry.dtype) else {
            let known = Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw SafeTensorsError("tensor \"\(name)\" is \(entry.dtype); only \(known) are read")
        }
        var count = 1
        for dimension in entry.shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            guard dimension >= 0, !overflow else {
                throw SafeTensorsError("tensor \"\(name)\" has a bad shape")
            }
            count = product
        }
        let length = entry.end - entry.begin
        guard count <= Int.max / 8, count * kind.width == length else {
            throw SafeTensorsError("tensor \"\(name)\" has \(length) bytes for its shape \(entry.shape)")
        }
        return Tensor(
            name: name, shape: entry.shape, kind: kind, bytes: start + entry.begin..<start + entry.end)
    }
}
