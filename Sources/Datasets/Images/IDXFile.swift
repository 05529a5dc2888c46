internal import Configuration

/// An IDX file: a big-endian header with type and sizes, then the values (the format of MNIST).
struct IDXFile {
    /// The types that are read.
    enum Element: UInt8 {
        case byte = 0x08
        case int32 = 0x0C

        var size: Int { self == .byte ? 1 : 4 }
    }

    let element: Element
    /// Sizes, outermost first.
    let shape: [Int]
    /// The values behind the header, big-endian where they are of more than a byte.
    let values: [UInt8]

    /// Reads and checks a file, gzip or not. Throws ``ConfigurationError`` saying what was expected.
    init(contentsOf path: String) throws {
        try self.init(InputFile.read(path), file: path)
    }

    /// Checks the bytes of a file.
    init(_ bytes: consuming [UInt8], file: String) throws {
        func refuse(_ problem: String) -> ConfigurationError {
            ConfigurationError(path: file, problem: problem)
        }
        guard bytes.count >= 4 else { throw refuse("is too short for an IDX file: \(bytes.count) bytes") }
        guard bytes[0] == 0, bytes[1] == 0, let element = Element(rawValue: bytes[2]),
            (1...4).contains(bytes[3])
        else {
            let magic = bytes[..<4].map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
            throw refuse("is not an IDX file of bytes or 32-bit numbers: it begins with 0x\(magic)")
        }
        let rank = Int(bytes[3])
        let headerSize = 4 + 4 * rank
        guard bytes.count >= headerSize else { throw refuse("is truncated within its header") }
        shape = (0..<rank).map { Self.bigEndian(bytes, at: 4 + 4 * $0) }
        var expected = element.size
        for size in shape {
            let (product, overflow) = expected.multipliedReportingOverflow(by: size)
            guard !overflow, product <= InputFile.sizeLimit else {
                throw refuse("states an impossible size: \(shape)")
            }
            expected = product
        }
        let actual = bytes.count - headerSize
        guard actual == expected else {
            let verb = actual < expected ? "is truncated" : "is too long"
            throw refuse(
                "\(verb): \(shape) needs \(expected) bytes after the header, but there are \(actual)")
        }
        self.element = element
        // In place: images are most of what a run holds in memory.
        var values = bytes
        values.removeFirst(headerSize)
        self.values = values
    }

    /// One column of a two-dimensional file of 32-bit numbers.
    func column(_ column: Int) -> [Int32] {
        precondition(element == .int32 && shape.count == 2 && column < shape[1])
        return (0..<shape[0]).map { row in
            Int32(truncatingIfNeeded: Self.bigEndian(values, at: 4 * (row * shape[1] + column)))
        }
    }

    private static func bigEndian(_ bytes: [UInt8], at index: Int) -> Int {
        Int(bytes[index]) << 24 | Int(bytes[index + 1]) << 16 | Int(bytes[index + 2]) << 8
            | Int(bytes[index + 3])
    }
}
