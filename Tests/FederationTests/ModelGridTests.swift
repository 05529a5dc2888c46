import Compute
import Configuration
import Encoding
import Learning
import Testing

@testable import Federation

/// Models on a grid of few bits: what rounding keeps, what travels, and which bytes are refused.
@Suite struct ModelGridTests {
    private func grid(_ bits: Int) throws -> ModelGrid {
        try ModelGrid(
            Section(JSONValue(json5: "{bits: \(bits)}".utf8, source: "t"), path: "task.compression.download"))
    }

    private func values(_ count: Int, seed: UInt64 = 1) -> [Float] {
        var random = SeededGenerator(seed: seed, purpose: .test)
        return (0..<count).map { index in Float(random.normal()) * (index < 300 ? 1 : 1e-6) }
    }

    private func rounded(_ grid: ModelGrid, _ values: [Float], _ residual: inout [Float]) -> [Float] {
        var values = values
        values.withUnsafeMutableBufferPointer { values in
            residual.withUnsafeMutableBufferPointer { grid.round(values, residual: $0) }
        }
        return values
    }

    /// Nothing is lost: the model and what is left out are what was to be rounded, and no parameter is further from it than
    /// half a step of its own block.
    @Test(arguments: 3...8, [1, 255, 256, 700]) func roundingLeavesTheRest(bits: Int, count: Int) throws {
        let grid = try grid(bits)
        let wanted = values(count)
        var residual = [Float](repeating: 0, count: count)
        let model = rounded(grid, wanted, &residual)
        for index in 0..<count {
            #expect(model[index] + residual[index] == wanted[index])
            let block = wanted[(index / 256 * 256)..<min(index / 256 * 256 + 256, count)]
            let largest = block.map(\.magnitude).max() ?? 0
            #expect(residual[index].magnitude <= largest / Float(1 << (bits - 1) - 1) * 0.5005)
        }
        // What was left out comes with the next.
        var again = residual
        let second = rounded(grid, model, &again)
        for index in 0..<count { #expect(abs(second[index] + again[index] - wanted[index]) < 1e-6) }
    }

    /// Whoever unpacks holds the same bits as whoever has the model whole.
    @Test(arguments: 3...8, [1, 255, 256, 700]) func packedModelsAreTheSameBits(bits: Int, count: Int) throws
    {
        let grid = try grid(bits)
        for seed in 1...5 as ClosedRange<UInt64> {
            var residual = [Float](repeating: 0, count: count)
            let model = rounded(grid, values(count, seed: seed), &residual)
            let bytes = try #require(model.withUnsafeBufferPointer(grid.pack))
            #expect(bytes.count == grid.byteCount(count))
            let unpacked = try #require(bytes.withUnsafeBytes { grid.unpack($0, count: count) })
            #expect(unpacked.map(\.bitPattern) == model.map(\.bitPattern))
        }
        #expect(grid.byteCount(256) == 4 + 32 * bits)
    }

    @Test func otherModelsAreNotPacked() throws {
        let grid = try grid(5)
        #expect(values(700).withUnsafeBufferPointer(grid.pack) == nil)
        #expect([Float.infinity].withUnsafeBufferPointer(grid.pack) == nil)
        #expect([Float.nan, 1].withUnsafeBufferPointer(grid.pack) == nil)
        let zeros = [Float](repeating: 0, count: 700)
        #expect(zeros.withUnsafeBufferPointer(grid.pack) != nil)
        var residual = zeros
        let lost = rounded(grid, [1, .infinity, 2], &residual[..<3])
        #expect(lost == [1, .infinity, 2] && residual[..<3].allSatisfy { $0 == 0 })
    }

    private func rounded(_ grid: ModelGrid, _ values: [Float], _ residual: inout ArraySlice<Float>) -> [Float]
    {
        var rest = Array(residual)
        let model = rounded(grid, values, &rest)
        residual = rest[...]
        return model
    }

    @Test func bytesMayBeAnything() throws {
        let grid = try grid(5)
        var random = SeededGenerator(seed: 3, purpose: .test)
        for length in [0, 3, 4, grid.byteCount(300) - 1, grid.byteCount(300), grid.byteCount(300) + 1] {
            for _ in 0..<200 {
                let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                let found = bytes.withUnsafeBytes { grid.unpack($0, count: 300) }
                #expect(found == nil || length == grid.byteCount(300))
            }
        }
    }

    /// A file unpacks to itself; whatever else comes is none.
    @Test func filesUnpackToTheByte() throws {
        let grid = try grid(4)
        var residual = [Float](repeating: 0, count: 300)
        let model = rounded(grid, values(300), &residual)
        let head: [UInt8] = [3, 0, 0, 0, 0, 0, 0, 0, 7, 8, 9]
        let file = head + model.withUnsafeBytes { Array($0) }
        let packed = try #require(file.withUnsafeBytes { PackedModel.pack($0, on: grid, count: 300) })
        #expect(packed.count == head.count + grid.byteCount(300))
        func unpacked(_ bytes: [UInt8], _ length: Int) -> [UInt8]? {
            bytes.withUnsafeBytes { PackedModel.unpack($0, on: grid, fileBytes: length) }
        }
        #expect(unpacked(packed, file.count) == file)
        for length in 0..<packed.count where length % 7 == 0 {
            #expect(unpacked(Array(packed[..<length]), file.count) == nil)
        }
        for length in [0, file.count - 4, file.count + 4, file.count + 1, .max, -4] {
            #expect(unpacked(packed, length) == nil)
        }
        #expect(unpacked([UInt8](repeating: 255, count: 40), 100) == nil)
        let other = head + values(300).withUnsafeBytes { Array($0) }
        #expect(other.withUnsafeBytes { PackedModel.pack($0, on: grid, count: 300) } == nil)
        #expect(file.withUnsafeBytes { PackedModel.pack($0, on: grid, count: 301) } == nil)
    }

    // MARK: Tasks

    private func task(_ keys: String) throws -> TaskConfiguration {
        let text = """
            { name: 't', model: { preset: 'mlp', hidden: [8], classes: 3 }, training: {}, rounds: 4, cohort_size: 2,
              privacy: { mode: 'none' }, \(keys) }
            """
        return try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "t"), path: "task"))
    }

    @Test func sectionsAreRead() throws {
        let models = try task("compression: {download: {}}")
        #expect(models.compression == nil && models.download?.bits == 5)
        #expect(models.compressionJSON == .object(["download": .object(["bits": .integer(5)])]))
        let both = try task("compression: {name: 'quantize', download: {bits: 4}}")
        #expect(both.compression?.name == "quantize" && both.download?.bits == 4)
        #expect(try task("compression: {name: 'top-k'}").download == nil)
    }

    @Test(arguments: [
        ("{}", "name"), ("{download: {bits: 2}}", "download.bits"), ("{download: {bit: 4}}", "download.bit"),
        ("{download: {}, keep: 1}", "keep"),
    ]) func badSections(_ text: String, _ key: String) {
        let error = #expect(throws: ConfigurationError.self) { try task("compression: \(text)") }
        #expect(error?.path == "task.compression.\(key)")
    }

    /// Strategies that publish more than a model are refused.
    @Test func statesAreNotPacked() throws {
        let task = try task("compression: {download: {}}, strategy: {name: 'scaffold'}")
        let error = #expect(throws: ConfigurationError.self) {
            try TaskPlan(task, model: Model(task.model, inputShape: [2]), population: 4)
        }
        #expect(error?.path == "task.compression.download")
    }

    /// Every published model lies on the grid, under strategies that remember something too, and what travels is shorter.
    @Test(arguments: ["{name: 'fedavg'}", "{name: 'fedadam', server_learning_rate: 0.01}"])
    func publishedModelsLieOnTheGrid(_ strategy: String) throws {
        let task = try task("compression: {download: {bits: 4}}, strategy: \(strategy)")
        let model = try Model(task.model, inputShape: [2])
        let plan = try TaskPlan(task, model: model, population: 4)
        #expect(plan.stateNames.last == ModelGrid.residual)
        #expect(plan.downloadBytes(published: 0) == plan.modelBytes)
        #expect(plan.downloadBytes(published: 1) < plan.modelBytes / 4)
        let start = model.initialParameters(seed: 2)
        var global = try GlobalModel(parameters: start, plan: plan)
        let grid = try #require(task.download)
        #expect(start.values.withUnsafeBufferPointer(grid.pack) == nil)
        for _ in 0..<3 {
            var sum = Aggregation(count: plan.report.count, bits: plan.codec.bits)
            let update = (0..<plan.dimension).map { Float($0 % 7) * 0.01 - 0.03 }
            update.withUnsafeBufferPointer {
                sum.add(rounding: $0, factor: plan.codec.scale * 2, weight: 2)
            }
            global.apply(noisySum: sum.sum, weight: sum.weight)
            #expect(global.parameters.values.withUnsafeBufferPointer(grid.pack) != nil)
        }
        #expect(global.parameters.values != start.values)
    }
}
