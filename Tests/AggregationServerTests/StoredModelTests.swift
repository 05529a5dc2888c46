import Compute
import Configuration
import Cryptography
import Encoding
import Federation
import Foundation
import Learning
import Messages
import Operations
import Testing

@testable import AggregationServer

/// Models and sums on disk, written and read piece by piece.
@Suite struct StoredModelTests {
    private struct Interruption: Error {}

    private final class Folder {
        let state: StateDirectory
        private let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

        init() throws { state = try StateDirectory(path.path) }
        deinit { try? FileManager.default.removeItem(at: path) }

        var models: [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: "\(state.path)/models")) ?? []).sorted()
        }
    }

    private let layout = ParameterLayout([("0.weight", [7, 30]), ("0.bias", [7]), ("none", [0])])
    private var vector: ParameterVector {
        ParameterVector(layout: layout, values: (0..<layout.count).map { Float($0) / 3 - 30 })
    }
    private let description = ModelFile.Description(
        model: .null, inputShape: [30], loss: .null, data: .null)

    private static func names(_ width: Int) -> [String] {
        Array(["velocity", "second", "third"].prefix(width))
    }

    /// Stores `vector` as the model of a round, with its negative, twice that, and so on as its optimiser state.
    private func write(
        _ vector: ParameterVector, _ round: Int, in state: StateDirectory, window: Int, width: Int = 1
    ) throws -> String {
        try state.writeModel(
            round, head: ModelFile.head(layout, description), count: layout.count, clippingNorm: 0.75,
            stateNames: Self.names(width), windowCount: window
        ) { start, parameters, piece in
            #expect(parameters.count <= window && piece.count == parameters.count && piece.width == width)
            for index in parameters.indices {
                parameters[index] = vector.values[start + index]
                for place in 0..<width {
                    piece[place][index] = -vector.values[start + index] * Float(place + 1)
                }
            }
        }
    }

    @Test(arguments: [1, 5, 64, 216, 217, 218, 1 << 18], [1, 2, 3])
    func piecesMakeTheFile(window: Int, width: Int) throws {
        let folder = try Folder()
        let digest = try write(vector, 3, in: folder.state, window: window, width: width)
        let whole = ModelFile.encode(vector, description)
        #expect(try folder.state.readModel(3) == whole)
        #expect(try digest == SHA256.text(of: whole))
        #expect(folder.models == ["000003.memory", "000003.safetensors"])
        let model = try StoredModel(3, digest: digest, in: folder.state, layout: layout)
        try model.verify(path: "model")
        #expect(model.parameters() == vector.values)
        let names = Self.names(width)
        let stored = try folder.state.optimizerState(3, names: names, count: layout.count)
        #expect(stored.count == width * layout.count && stored.clippingNorm == 0.75)
        for (others, count) in [
            (names, layout.count + 1), (names + ["more"], layout.count), (names.dropLast(), layout.count),
        ] {
            #expect(throws: Failure.self) {
                try folder.state.optimizerState(3, names: others, count: count)
            }
        }
        for start in stride(from: 0, to: layout.count, by: window) {
            let range = start..<min(start + window, layout.count)
            var piece = [Float](repeating: .nan, count: range.count)
            piece.withUnsafeMutableBufferPointer { model.copy(from: start, into: $0) }
            #expect(piece == Array(vector.values[range]))
            var state = [Float](repeating: .nan, count: width * range.count)
            state.withUnsafeMutableBufferPointer {
                stored.copy(from: start, into: OptimizerStatePiece($0, width: width, count: range.count))
            }
            let expected: [Float] = (1...width).flatMap { (place: Int) -> [Float] in
                vector.values[range].map { -$0 * Float(place) }
            }
            #expect(state == expected)
        }
    }

    /// States of earlier versions are read and written on, byte for byte.
    @Test(arguments: [0, 1]) func aStateOfOneValueHasTheFormThatItAlwaysHad(width: Int) throws {
        let folder = try Folder()
        _ = try write(vector, 3, in: folder.state, window: 64, width: width)
        let file = SafeTensors(
            tensors: [
                .init(
                    name: "strategy.state", shape: [width * layout.count],
                    values: width == 0 ? [] : vector.values.map { -$0 })
            ], metadata: ["clipping_norm": "0.75"])
        #expect(
            FileManager.default.contents(atPath: folder.state.optimizerStatePath(3))
                == Data(file.encoded()))
    }

    @Test(arguments: [0, 1, 3]) func nothingRememberedIsZeros(width: Int) throws {
        let folder = try Folder()
        _ = try write(vector, 0, in: folder.state, window: 64, width: 0)
        let names = Self.names(width)
        let stored = try folder.state.optimizerState(0, names: names, count: layout.count)
        var state = [Float](repeating: .nan, count: 2 * width)
        state.withUnsafeMutableBufferPointer {
            stored.copy(from: 9, into: OptimizerStatePiece($0, width: width, count: 2))
        }
        #expect(stored.count == 0 && state.allSatisfy { $0 == 0 })
        #expect(throws: Failure.self) {
            try folder.state.optimizerState(1, names: names, count: layout.count)
        }
    }

    @Test func whatFailsHalfwayLeavesTheOldModel() throws {
        let folder = try Folder()
        let digest = try write(vector, 1, in: folder.state, window: 64)
        #expect(throws: Interruption.self) {
            try folder.state.writeModel(
                1, head: [1, 2, 3], count: layout.count, clippingNorm: 1, stateNames: ["velocity"],
                windowCount: 64
            ) { start, _, _ in if start > 100 { throw Interruption() } }
        }
        #expect(folder.models == ["000001.memory", "000001.safetensors"])
        try StoredModel(1, digest: digest, in: folder.state, layout: layout).verify(path: "model")
        #expect(
            try folder.state.optimizerState(1, names: ["velocity"], count: layout.count).clippingNorm == 0.75)
    }

    @Test func aMappedModelOutlivesItsReplacement() throws {
        let folder = try Folder()
        let digest = try write(vector, 1, in: folder.state, window: 64)
        let model = try StoredModel(1, digest: digest, in: folder.state, layout: layout)
        try folder.state.writeLatest(1)
        var other = vector
        other.values[0] = 5
        _ = try write(other, 1, in: folder.state, window: 64)
        try folder.state.keepModels(0)
        #expect(folder.models == ["latest.safetensors"])
        try model.verify(path: "model")
        #expect(model.parameters() == vector.values)
    }

    @Test func damagedModelsAreRefused() throws {
        let folder = try Folder()
        var vector = vector
        vector.values[200] = .infinity
        let digest = try write(vector, 1, in: folder.state, window: 64)
        let model = try StoredModel(1, digest: digest, in: folder.state, layout: layout)
        #expect(throws: ConfigurationError.self) { try model.verify(path: "model") }
        let other = try StoredModel(
            1, digest: String(repeating: "0", count: 64), in: folder.state, layout: layout)
        #expect(throws: Failure.self) { try other.verify(path: "model") }
        #expect(throws: Failure.self) {
            try StoredModel(2, digest: digest, in: folder.state, layout: layout)
        }
        for wrong in [
            ParameterLayout([("0.weight", [30, 7]), ("0.bias", [7])]),
            ParameterLayout([("0.bias", [7]), ("0.weight", [7, 30])]),
            ParameterLayout([("0.weight", [7, 30])]),
        ] {
            #expect(throws: ConfigurationError.self) {
                try StoredModel(1, digest: digest, in: folder.state, layout: wrong)
            }
        }
    }

    @Test(arguments: [12, 24, 32, 64]) func noisySumsAreTheirWireForm(bits: Int) throws {
        let folder = try Folder()
        let values = (0..<1001).map { Int64($0 * 3 - 1500) }
        var sum = RingVector(zeros: 1001, bits: bits)
        values.withUnsafeBufferPointer { sum.add(integers: $0) }
        #expect(try !folder.state.hasNoisySum(1, count: 1001, bits: bits))
        try folder.state.writeNoisySum(1, sum, weight: 77)
        let bytes = FileManager.default.contents(atPath: "\(folder.state.path)/spool/000001.noisy-sum")
        #expect(bytes.map { Array($0) } == withUnsafeBytes(of: Int64(77)) { Array($0) } + sum.packed())
        let read = try #require(try folder.state.noisySum(1, count: 1001, bits: bits))
        #expect(read.sum == sum && read.weight == 77)
        #expect(try SHA256.text(packed: sum) == SHA256.text(of: sum.packed()))
        #expect(throws: Failure.self) { try folder.state.hasNoisySum(1, count: 1003, bits: bits) }
    }
}
