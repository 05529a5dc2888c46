internal import Configuration

/// How many coordinates of an update travel, where not all do.
struct KeptCoordinates: Sendable {
    /// Their share.
    let share: Double

    /// Reads `keep`, a tenth unless given.
    init(_ section: Section) throws {
        share =
            try section.number("keep", expected: "a share above 0 and at most 1") { $0 > 0 && $0 <= 1 } ?? 0.1
    }

    /// How many of `count`, at least one.
    func number(of count: Int) -> Int { max(1, min(count, Int((share * Double(count)).rounded(.up)))) }

    /// The squared norm of numbers as binary32; nil where they are not finite.
    static func squaredNorm(_ bytes: UnsafeRawBufferPointer) -> Double? {
        var squared = 0.0
        for place in 0..<bytes.count / 4 {
            let value = Double(float(bytes, place))
            squared += value * value
        }
        return squared.isFinite ? squared : nil
    }

    /// Number `place` of numbers as binary32.
    static func float(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> Float {
        Float(
            bitPattern: UInt32(
                littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * place, as: UInt32.self)))
    }

    /// Writes number `place` of numbers as binary32.
    static func store(_ value: Float, _ bytes: UnsafeMutableRawBufferPointer, _ place: Int) {
        bytes.storeBytes(of: value.bitPattern.littleEndian, toByteOffset: 4 * place, as: UInt32.self)
    }
}
