import Compute
import Configuration
import Testing

@testable import Learning

/// Takes the first records of each batch as told, and remembers what it was asked for.
private final class CountingPrivatizer: GradientPrivatizer {
    let seed: UInt64
    private(set) var seedsDrawn = 0
    private(set) var sums: [[Float]] = []

    init(seed: UInt64) { self.seed = seed }

    func secretSeed() -> UInt64 {
        seedsDrawn += 1
        return seed
    }

    func nextBatch(of count: Int, into positions: UnsafeMutableBufferPointer<Int32>) -> Int {
        for place in 0..<count { positions[place] = Int32(place) }
        return count
    }

    func privatize(sum: UnsafeMutableBufferPointer<Float>) { sums.append(Array(sum)) }
}

/// What a model draws at random in private training comes from the secret source: masks lie by position in the batch, and
/// from a public seed one record more would move the masks of all behind it.
@Suite struct SecretMaskTests {
    private func train(
        _ layers: String, shape: [Int] = [6], _ keys: String = "", stream: UInt64, secret: UInt64
    ) throws -> CountingPrivatizer {
        let model = try Model(ModelSpec(json5("{layers: \(layers)}"), path: "m"), inputShape: shape)
        let options = try TrainingOptions(json5("{batch_size: 4, \(keys)}"), path: "t")
        let data = randomExamples(count: 8, shape: shape, classes: 3, seed: 5)
        let privatizer = CountingPrivatizer(seed: secret)
        let trainer = LocalTrainer(model: model, options: options, privately: true)
        let start = model.initialParameters(seed: 1).values
        try start.withUnsafeBufferPointer { start in
            try (0..<8).map { Int32($0) }.withUnsafeBufferPointer { indices in
                _ = try trainer.privateDelta(
                    from: start, on: data, indices: indices, stream: TrainingStream(seed: stream),
                    plan: PrivateTrainingPlan(clippingNorm: 1, steps: 1, expectedBatchSize: 4),
                    privatizer: privatizer)
            }
        }
        return privatizer
    }

    @Test func masksFollowTheSecretSeedAndNotThePublicOne() throws {
        let layers = "[{dense: 16}, {dropout: 0.5}, {dense: 3}]"
        let one = try train(layers, stream: 1, secret: 7)
        #expect(one.seedsDrawn == 1)
        #expect(try train(layers, stream: 2, secret: 7).sums == one.sums)
        #expect(try train(layers, stream: 1, secret: 8).sums != one.sums)
    }

    /// So are the changes of images, which lie by position too.
    @Test(arguments: ["['flatten', {dense: 3}]", "['flatten', {dropout: 0.5}, {dense: 3}]"])
    func changesOfImagesFollowTheSecretSeedAndNotThePublicOne(_ layers: String) throws {
        let (shape, keys) = ([5, 4], "augment: {shift: 2, flip: true}")
        let one = try train(layers, shape: shape, keys, stream: 1, secret: 7)
        #expect(one.seedsDrawn == 1)
        #expect(try train(layers, shape: shape, keys, stream: 2, secret: 7).sums == one.sums)
        #expect(try train(layers, shape: shape, keys, stream: 1, secret: 8).sums != one.sums)
        #expect(try train(layers, shape: shape, stream: 1, secret: 7).sums != one.sums)
    }

    @Test func aModelWithoutRandomLayersDrawsNothing() throws {
        #expect(try train("[{dense: 3}]", stream: 1, secret: 7).seedsDrawn == 0)
    }
}
