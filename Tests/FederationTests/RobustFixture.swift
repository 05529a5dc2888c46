import Compute
import Configuration
import Encoding
import Federation

/// Applies `task.robust` sections to rows of numbers.
enum RobustFixture {
    static let codec = FixedPointCodec(bits: 64, scale: 0x1p32)

    static func section(_ text: String) throws -> Section {
        try Section(JSONValue(json5: text.utf8, source: "test"), path: "task.robust")
    }

    static func aggregation(_ text: String) throws -> RobustAggregation {
        try RobustAggregation(section(text))
    }

    /// Bytes that a report keeps.
    private final class Memory {
        let bytes: UnsafeMutableRawBufferPointer

        init(_ values: [Float], offset: Int) {
            bytes = .allocate(byteCount: offset + 4 * values.count, alignment: 8)
            values.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: bytes[offset...]).copyMemory(from: $0)
            }
        }

        deinit { bytes.deallocate() }
    }

    /// Reports of these rows, their bytes `offset` behind where numbers like to lie.
    static func reports(_ rows: [[Float]], offset: Int = 0) -> [IndividualReport] {
        rows.map { row in
            let memory = Memory(row, offset: offset)
            return IndividualReport(
                UnsafeRawBufferPointer(rebasing: memory.bytes[offset...]), as: .floats, keptBy: memory)
        }
    }

    /// The combination on the grid, times the number of rows.
    static func vector(
        _ aggregation: RobustAggregation, _ rows: [[Float]], offset: Int = 0, threads: Int = 2
    ) -> RingVector {
        var generator = SeededGenerator(seed: 5, purpose: .bucketing, round: 3)
        return aggregation.combine(
            reports(rows, offset: offset), count: rows.first?.count ?? 0, codec: codec,
            factor: Double(rows.count), threads: threads, using: &generator)
    }

    /// The combination as numbers.
    static func combine(_ text: String, _ rows: [[Float]]) throws -> [Double] {
        vector(try aggregation(text), rows).centred().map { Double($0) / 0x1p32 / Double(rows.count) }
    }

    /// Rows of normal numbers around `centre`.
    static func rows(_ count: Int, _ width: Int, seed: UInt64, centre: Float = 0) -> [[Float]] {
        var random = SeededGenerator(seed: seed, purpose: .test)
        return (0..<count).map { _ in (0..<width).map { _ in centre + Float(random.normal()) } }
    }
}
