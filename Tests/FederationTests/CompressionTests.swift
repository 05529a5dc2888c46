import Compute
import Configuration
import Learning
import Privacy
import Testing

@testable import Federation

/// Compressed updates: what their bytes stand for, which bytes are refused, and which tasks may have them.
@Suite struct CompressionTests {
    static let sections = [
        "{name: 'quantize'}", "{name: 'quantize', bits: 2}", "{name: 'quantize', bits: 8}", "{name: 'top-k'}",
        "{name: 'top-k', keep: 1}", "{name: 'random-k', keep: 0.3}", "{name: 'random-k', keep: 1}",
    ]
    static let round = CompressionRound(seed: 5, round: 3)

    /// A compressor with the memory that it works in.
    private struct Bench {
        let compressor: any UpdateCompressor
        let count: Int
        let room: CompressionRoom
        var random = SeededGenerator(seed: 5, purpose: .stochasticRounding, client: 1, round: 3)

        init(_ section: String, count: Int) throws {
            let value = try JSONValue(json5: section.utf8, source: "test")
            compressor = try Compression(Section(value, path: "task.compression")).compressor
            self.count = count
            room = CompressionRoom(count: count)
        }

        mutating func bytes(_ values: [Float], _ round: CompressionRound = CompressionTests.round) -> [UInt8]
        {
            var bytes = [UInt8](repeating: 0xff, count: compressor.byteCount(count))
            values.withUnsafeBufferPointer { values in
                bytes.withUnsafeMutableBytes {
                    compressor.compress(values, into: $0, room: room, round: round, random: &random)
                }
            }
            return bytes
        }

        func values(_ bytes: [UInt8], _ round: CompressionRound = CompressionTests.round) -> [Float] {
            var values = [Float](repeating: .nan, count: count)
            bytes.withUnsafeBytes { bytes in
                values.withUnsafeMutableBufferPointer {
                    compressor.expand(bytes, into: $0, room: room, round: round)
                }
            }
            return values
        }

        func norm(_ bytes: [UInt8]) -> Double? {
            bytes.withUnsafeBytes { compressor.norm($0, count: count) }
        }
    }

    private func update(_ count: Int, seed: UInt64 = 1) -> [Float] {
        var generator = SeededGenerator(seed: seed, purpose: .test)
        return (0..<count).map { _ in Float(generator.normal()) }
    }

    private func length(_ values: [Float]) -> Double {
        values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }

    @Test(arguments: sections, [1, 2, 37, 1000]) func theBytesStandForAnUpdateOfBoundedLength(
        section: String, count: Int
    ) throws {
        var bench = try Bench(section, count: count)
        for values in [update(count), [Float](repeating: 0, count: count)] {
            let bytes = bench.bytes(values)
            let expanded = bench.values(bytes)
            let bound = try #require(bench.norm(bytes))
            #expect(length(expanded) <= bound * (1 + 1e-6))
            #expect(bench.values(bytes) == expanded)
        }
        // Nothing stands for nothing.
        #expect(
            bench.values(bench.bytes([Float](repeating: 0, count: count)))
                == [Float](repeating: 0, count: count))
    }

    /// Whatever a client sends is refused, or stands for finite values no longer than was said.
    @Test(arguments: sections) func hostileBytesAreRefusedOrBounded(section: String) throws {
        let count = 33
        var bench = try Bench(section, count: count)
        let bytes = bench.bytes(update(count))
        var generator = SeededGenerator(seed: 9, purpose: .test)
        var refused = 0
        for attempt in 0..<4000 {
            var hostile = bytes
            for _ in 0...(attempt % 4) {
                hostile[generator.index(below: hostile.count)] = UInt8(truncatingIfNeeded: generator.next())
            }
            guard let bound = bench.norm(hostile) else {
                refused += 1
                continue
            }
            // Longer ones than this do not get into the ring.
            guard bound < 0x1p30 else { continue }
            let values = bench.values(hostile)
            #expect(values.allSatisfy(\.isFinite) && length(values) <= bound * (1 + 1e-6))
        }
        #expect(refused > 0)
    }

    /// Each coordinate is off by less than a step, and by nothing in the mean of many clients.
    @Test(arguments: [2, 4, 8]) func quantisationIsWithoutBias(bits: Int) throws {
        let count = 64
        var bench = try Bench("{name: 'quantize', bits: \(bits)}", count: count)
        let values = update(count)
        let clients = 4000
        var sums = [Double](repeating: 0, count: count)
        var squares = 0.0
        for _ in 0..<clients {
            let expanded = bench.values(bench.bytes(values))
            for place in 0..<count {
                sums[place] += Double(expanded[place])
                let off = Double(expanded[place] - values[place])
                squares += off * off
            }
        }
        let deviation = (squares / Double(clients * count)).squareRoot()
        for place in 0..<count {
            let off = sums[place] / Double(clients) - Double(values[place])
            #expect(abs(off) < 5 * deviation / Double(clients).squareRoot())
        }
        // The greatest of 64 normal numbers after rotation is below 5; rounding errs by less than a step.
        #expect(deviation < 5 / Double(1 << (bits - 1) - 1))
    }

    @Test func topKTakesTheGreatestAndOfEqualOnesTheFirst() throws {
        var bench = try Bench("{name: 'top-k', keep: 0.5}", count: 6)
        #expect(bench.values(bench.bytes([1, -3, 2, 2, -2, 0.5])) == [0, -3, 2, 2, 0, 0])
        #expect(bench.values(bench.bytes([1, 1, 1, 1, 1, 1])) == [1, 1, 1, 0, 0, 0])
        #expect(bench.values(bench.bytes([0, 0, 0, 0, 0, -1])) == [0, 0, 0, 0, 0, -1])
    }

    /// Against sorting, at many lengths.
    @Test(arguments: 1...40) func topKEqualsSorting(count: Int) throws {
        var bench = try Bench("{name: 'top-k', keep: 0.3}", count: count)
        // Whole numbers, so that many are equal.
        let values = update(count, seed: UInt64(count)).map { ($0 * 2).rounded() }
        let kept = Set(
            values.indices.sorted { (-values[$0].magnitude, $0) < (-values[$1].magnitude, $1) }
                .prefix((count * 3 + 9) / 10))
        #expect(
            bench.values(bench.bytes(values)) == values.indices.map { kept.contains($0) ? values[$0] : 0 })
    }

    @Test func randomKTakesTheSamePlacesFromAllClientsOfARound() throws {
        var bench = try Bench("{name: 'random-k', keep: 0.2}", count: 100)
        func places(_ values: [Float]) -> [Int] { values.indices.filter { values[$0] != 0 } }
        let first = places(bench.values(bench.bytes(update(100, seed: 1))))
        #expect(first.count == 20)
        #expect(places(bench.values(bench.bytes(update(100, seed: 2)))) == first)
        let next = CompressionRound(seed: 5, round: 4)
        #expect(places(bench.values(bench.bytes(update(100), next), next)) != first)
    }

    @Test(arguments: sections) func bytesOfAnotherLengthAreRefused(section: String) throws {
        var bench = try Bench(section, count: 50)
        let bytes = bench.bytes(update(50))
        #expect(bench.norm(Array(bytes.dropLast())) == nil)
        #expect(bench.norm(bytes + [0]) == nil)
        #expect(bench.norm([]) == nil)
    }

    @Test func damagedBytesAreRefused() throws {
        var quantized = try Bench("{name: 'quantize', bits: 3}", count: 3)
        let bytes = quantized.bytes([1, 2, 3])
        func replaced(_ bytes: [UInt8], _ place: Int, _ value: UInt8) -> [UInt8] {
            var bytes = bytes
            bytes[place] = value
            return bytes
        }
        // A step that is negative, infinite or not a number; the integer 7 that nothing rounds to; unused bits.
        #expect(quantized.norm(replaced(bytes, 3, 0xbf)) == nil)
        #expect(quantized.norm([0, 0, 0x80, 0x7f] + bytes[4...]) == nil)
        #expect(quantized.norm([1, 0, 0xc0, 0x7f] + bytes[4...]) == nil)
        #expect(quantized.norm(replaced(bytes, 4, 7)) == nil)
        #expect(quantized.norm(replaced(bytes, 5, bytes[5] | 0x80)) == nil)
        var greatest = try Bench("{name: 'top-k', keep: 0.5}", count: 4)
        let kept = greatest.bytes([1, 2, 3, 4])
        // Places beyond the end, twice, and descending; a value that is not finite.
        #expect(greatest.norm(replaced(kept, 4, 4)) == nil)
        #expect(greatest.norm(replaced(kept, 0, 3)) == nil)
        #expect(greatest.norm(replaced(replaced(kept, 0, 3), 4, 2)) == nil)
        #expect(greatest.norm(Array(kept[..<12]) + [0, 0, 0x80, 0x7f]) == nil)
        #expect(greatest.norm(kept) != nil)
    }

    // MARK: In the pipeline

    /// Nothing is drawn where nothing is private.
    private struct NoNoise: NoiseSource {
        mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) { preconditionFailure("no noise is due") }
    }

    private func plan(_ more: String, strategy: String = "{name: 'fedavg'}", mode: String = "{mode: 'none'}")
        throws
        -> TaskPlan
    {
        let text = """
            { name: 't', model: { preset: 'logistic', classes: 3 }, training: { batch_size: 5 },
              rounds: 5, cohort_size: 4, privacy: \(mode), strategy: \(strategy), \(more) }
            """
        let task = try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        return try TaskPlan(task, model: Model(task.model, inputShape: [9]), population: 10)
    }

    /// What was sent in all rounds and what is kept back is what training changed in all rounds.
    @Test(arguments: ["{name: 'top-k', keep: 0.2}", "{name: 'random-k', keep: 0.2}"])
    func nothingIsLostInTheLongRun(section: String) throws {
        let plan = try plan("compression: \(section)")
        #expect(plan.clientMemory == [ClientMemoryVector(name: Compression.residual, count: plan.dimension)])
        #expect(plan.reportBytes < 4 * plan.dimension)
        let memory = ClientMemory(plan.clientMemory)
        let pipeline = UpdatePipeline(plan: plan, onlyAdds: true)
        let expansion = try #require(UpdateExpansion(plan))
        var (wanted, sent) = (
            [Double](repeating: 0, count: plan.dimension), [Double](repeating: 0, count: plan.dimension)
        )
        for number in 1...6 {
            let round = CompressionRound(seed: 1, round: number)
            let change = update(plan.dimension, seed: UInt64(number))
            var rounding = SeededGenerator(seed: 1, purpose: .stochasticRounding, client: 2, round: number)
            var noise = NoNoise()
            let values = try change.withUnsafeBufferPointer { change in
                _ = try pipeline.encode(
                    change, examples: 3, clippingNorm: .infinity, compression: round, memory: memory,
                    rounding: &rounding, noise: &noise)
                return Array(expansion.values(of: pipeline.plainBytes(change), round))
            }
            for place in change.indices {
                wanted[place] += Double(change[place])
                sent[place] += Double(values[place])
            }
        }
        #expect(memory.values.contains { $0 != 0 })
        for place in wanted.indices {
            #expect(abs(sent[place] + Double(memory.values[place]) - wanted[place]) < 1e-5)
        }
    }

    @Test(arguments: [
        ("compression: {}", "{name: 'fedavg'}", "{mode: 'none'}", "task.compression.name"),
        ("compression: {name: 'topk'}", "{name: 'fedavg'}", "{mode: 'none'}", "task.compression.name"),
        (
            "compression: {name: 'quantize', bits: 1}", "{name: 'fedavg'}", "{mode: 'none'}",
            "task.compression.bits"
        ),
        (
            "compression: {name: 'quantize', keep: 1}", "{name: 'fedavg'}", "{mode: 'none'}",
            "task.compression.keep"
        ),
        (
            "compression: {name: 'top-k', keep: 0}", "{name: 'fedavg'}", "{mode: 'none'}",
            "task.compression.keep"
        ),
        (
            "compression: {name: 'top-k'}", "{name: 'fedavg'}",
            "{mode: 'central', clipping_norm: 1, noise_multiplier: 1}", "task.compression"
        ),
        ("compression: {name: 'quantize'}", "{name: 'scaffold'}", "{mode: 'none'}", "task.compression"),
        (
            "compression: {name: 'quantize'}, robust: {rule: 'median'}", "{name: 'fedavg'}", "{mode: 'none'}",
            "task.compression"
        ),
    ]) func refusals(_ more: String, _ strategy: String, _ mode: String, _ path: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try plan(more, strategy: strategy, mode: mode)
        }
        #expect(error?.path == path, "\(String(describing: error))")
    }
}
