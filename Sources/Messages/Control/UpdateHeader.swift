internal import Notation

/// The head of an update's body, before the packed vector. Little-endian, 56 bytes:
///
///     0  8  "SORDUPD" and the version of the form, 1
///     8 16  run
///    24  8  round
///    32  8  weight: 1 under privacy, else the number of examples
///    40  8  number of coordinates
///    48  4  bits of a coordinate
///    52  4  zero
package struct UpdateHeader: Equatable, Sendable {
    /// Bytes of the header.
    package static let byteCount = 56
    private static let magic = Array("SORDUPD".utf8) + [1]

    /// Identity of the run, 16 bytes.
    package var run: [UInt8]
    package var round: Int
    package var weight: Int
    package var count: Int
    /// Width of the ring that the update is added in.
    package var bits: Int
    /// What follows the header.
    package var values: Values

    /// The forms of an update's coordinates.
    package enum Values: UInt32, Sendable {
        /// Integers of the ring, packed.
        case ring = 0
        /// The change of each parameter as IEEE 754 binary32, little-endian: only where nothing is clipped, hidden or
        /// masked, in half the bytes. The server brings them to the ring as the client would.
        case floats = 1
        /// What the task's compression makes of the change, likewise.
        case compressed = 2
    }

    /// Bytes behind the header, where the task's compressed updates have `compressed`.
    package func bodyByteCount(compressed: Int) -> Int {
        switch values {
        case .ring: (count * bits + 7) / 8
        case .floats: 4 * count
        case .compressed: compressed
        }
    }

    /// `run` in hexadecimal must be 32 digits; nil otherwise.
    package init?(run: String, round: Int, weight: Int, count: Int, bits: Int, values: Values = .ring) {
        guard let bytes = Hexadecimal.bytes(of: run, count: AgentProtocol.runBytes) else { return nil }
        self.run = bytes
        self.round = round
        self.weight = weight
        self.count = count
        self.bits = bits
        self.values = values
    }

    /// The run's identity in lower-case hexadecimal.
    package var runText: String { Hexadecimal.text(of: run) }

    /// The 56 bytes.
    package func encoded() -> [UInt8] {
        var bytes = Self.magic + run
        for value in [round, weight, count] {
            withUnsafeBytes(of: Int64(value).littleEndian) { bytes.append(contentsOf: $0) }
        }
        for value in [UInt32(bits), values.rawValue] {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    /// Reads the beginning of a body. Throws ``MessageError`` unless it is such a header.
    package init(decoding bytes: UnsafeRawBufferPointer) throws(MessageError) {
        guard bytes.count >= Self.byteCount else { throw MessageError("update: shorter than its header") }
        guard bytes[..<8].elementsEqual(Self.magic) else {
            throw MessageError("update: does not begin with SORDUPD, version 1")
        }
        run = Array(bytes[8..<24])
        func number(_ offset: Int) -> Int64 {
            Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int64.self))
        }
        let bits = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 48, as: UInt32.self))
        let form = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 52, as: UInt32.self))
        guard number(24) > 0, number(24) <= Int64(Int32.max), number(32) >= 0, number(32) <= 1 << 40,
            number(40) > 0, number(40) <= 1 << 33, bits <= 64, let values = Values(rawValue: form)
        else { throw MessageError("update: a field of the header is out of range") }
        round = Int(number(24))
        weight = Int(number(32))
        count = Int(number(40))
        self.bits = Int(bits)
        self.values = values
    }
}
