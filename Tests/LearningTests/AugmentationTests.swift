import Compute
import Configuration
import Testing

@testable import Learning

@Suite struct AugmentationTests {
    private let rules = ImageAugmentation.Rules(shift: 1, flips: true, crop: 0.8, cutout: 2)
    private let keys = "augment: {shift: 1, flip: true, crop: 0.8, cutout: 2}"
    private let layers = "[{conv2d: {channels: 2, kernel: 3}}, 'relu', 'flatten', {dense: 3}]"

    private func options(_ keys: String) throws -> TrainingOptions {
        try TrainingOptions(json5("{batch_size: 3, \(keys)}"), path: "t")
    }

    /// Training on images that were changed beforehand, each in its step, is the same bit for bit.
    @Test(arguments: ["", "optimizer: 'adam',", "batch_size: 600,"])
    func trainsOnTheChangedImages(_ more: String) throws {
        let model = try testModel(layers, [2, 6, 5])
        let count = more.contains("600") ? 530 : 8
        let data = randomExamples(count: count, shape: [2, 6, 5], classes: 3, seed: 5)
        let stream = TrainingStream(seed: 3, client: 2, round: 7)
        var order = (0..<Int32(count)).map { $0 }
        var dataOrder = SeededGenerator(seed: 3, purpose: .dataOrder, client: 2, round: 7)
        order.withUnsafeMutableBufferPointer { dataOrder.shuffle($0) }
        guard case .floats(let values) = data.features else { return #expect(Bool(false), "numbers") }
        let changer = ImageAugmentation(rules, channels: 2, height: 6, width: 5, capacity: 1)
        changer.begin(SeededGenerator(seed: 3, purpose: .augmentation, client: 2, round: 7))
        var changed = values
        for place in order.map(Int.init) {
            var image = Array(values[(place * 60)..<(place * 60 + 60)])
            image.withUnsafeMutableBufferPointer { image in
                if let base = image.baseAddress { changer.apply(to: base, count: 1) }
            }
            changed.replaceSubrange((place * 60)..<(place * 60 + 60), with: image)
        }
        let beforehand = Examples(
            count: count, featureShape: [2, 6, 5], features: .floats(changed), targets: data.targets)
        func trained(_ keys: String, _ examples: Examples) throws -> [Float] {
            let text = "{batch_size: 3, \(more) \(keys)}".replacing(
                "batch_size: 3, batch_size", with: "batch_size")
            let trainer = LocalTrainer(
                model: model, options: try TrainingOptions(json5(text), path: "t"))
            var parameters = model.initialParameters(seed: 1).values
            _ = try trainer.train(
                &parameters, on: examples, indices: (0..<Int32(count)).map { $0 }, stream: stream)
            return parameters
        }
        let augmented = try trained(keys, data)
        #expect(try augmented == trained("", beforehand))
        #expect(try augmented != trained("", data))
    }

    /// The same stream gives the same change of the parameters whatever the trainer did before, another round another.
    @Test func changesFollowTheStream() throws {
        let model = try testModel(layers, [2, 6, 5])
        let data = randomExamples(count: 9, shape: [2, 6, 5], classes: 3, seed: 5)
        let trainer = LocalTrainer(model: model, options: try options(keys))
        func train(round: Int) throws -> [Float] {
            var parameters = model.initialParameters(seed: 1).values
            // One batch of all, whose order matters to nothing but to rounding.
            _ = try trainer.train(
                &parameters, on: data, indices: (0..<9).map { Int32($0) },
                stream: TrainingStream(seed: 1, round: round))
            return parameters
        }
        let first = try train(round: 1)
        #expect(try train(round: 2) != first)
        #expect(try train(round: 1) == first)
    }

    @Test func fedSGDsGradientIsOfTheChangedImages() throws {
        let model = try testModel(layers, [2, 6, 5])
        let data = randomExamples(count: 9, shape: [2, 6, 5], classes: 3, seed: 5)
        var parameters = model.initialParameters(seed: 1).values
        func gradient(_ keys: String, round: Int) throws -> [Float] {
            let trainer = LocalTrainer(model: model, options: try options(keys))
            var output = [Float](repeating: 0, count: parameters.count)
            try parameters.withUnsafeMutableBufferPointer { parameters in
                try output.withUnsafeMutableBufferPointer { output in
                    try (0..<9).map { Int32($0) }.withUnsafeBufferPointer { indices in
                        _ = try trainer.gradient(
                            of: parameters, on: data, indices: indices,
                            stream: TrainingStream(seed: 1, round: round), into: output)
                    }
                }
            }
            return output
        }
        #expect(try gradient(keys, round: 1) == gradient(keys, round: 1))
        #expect(try gradient(keys, round: 1) != gradient(keys, round: 2))
        #expect(try gradient("", round: 1) == gradient("", round: 2))
    }

    @Test func evaluationSeesTheImagesAsTheyAre() throws {
        let model = try testModel(layers, [2, 6, 5])
        let data = randomExamples(count: 9, shape: [2, 6, 5], classes: 3, seed: 5)
        let parameters = model.initialParameters(seed: 1).values
        let plain = try Evaluator(model: model, options: options(""), targets: data.targets)
        let other = try Evaluator(model: model, options: options(keys), targets: data.targets)
        #expect(plain.metrics(parameters, on: data).loss == other.metrics(parameters, on: data).loss)
    }

    @Test func optionsAreKept() throws {
        let written = try options(keys).json
        guard case .object(let members) = written else { return #expect(Bool(false), "an object") }
        #expect(
            try members["augment"] == json5("{shift: 1, flip: true, crop: 0.8, cutout: 2}"))
        #expect(try TrainingOptions(written, path: "t").json == written)
        guard case .object(let plain) = try options("").json else { return #expect(Bool(false), "an object") }
        #expect(plain["augment"] == nil)
    }

    @Test(arguments: [
        ("[{dense: 3}]", [12], "{flip: true}", "t.augment: is for images"),
        (
            "[{embedding: {vocabulary: 9, units: 4}}, 'mean_over_time', {dense: 3}]", [6], "{flip: true}",
            "reads tokens"
        ),
        ("['sequence', {lstm: 4}, {dense: 3}]", [6, 4], "{flip: true}", "but the model reads [6, 4]"),
        (
            "[{lstm: {units: 4, output: 'last'}}, {dense: 3}]", [6, 4], "{flip: true}",
            "but the model reads [6, 4]"
        ),
        (
            "[{conv1d: {channels: 2, kernel: 3}}, 'flatten', {dense: 3}]", [6, 4], "{flip: true}",
            "reads [6, 4]"
        ),
        ("['flatten', {dense: 3}]", [6, 4], "{shift: 4}", "t.augment.shift: is 4, which images of 6 by 4"),
        ("['flatten', {dense: 3}]", [6, 4], "{shift: 3}", ""),
        ("['flatten', {dense: 3}]", [2, 6, 4], "{flip: true, cutout: 99}", ""),
    ])
    func onlyModelsOfImagesTakeIt(_ layers: String, _ shape: [Int], _ augment: String, _ says: String) throws
    {
        let model = try testModel(layers, shape)
        let trainer = LocalTrainer(model: model, options: try options("augment: \(augment)"))
        var data = randomExamples(count: 4, shape: shape, classes: 3, seed: 5)
        if model.vocabulary != nil { data = data.withTokens(vocabulary: 9, seed: 1) }
        var parameters = model.initialParameters(seed: 1).values
        var message = ""
        do {
            _ = try trainer.train(
                &parameters, on: data, indices: [0, 1, 2, 3], stream: TrainingStream(seed: 1))
        } catch { message = "\(error)" }
        #expect(says.isEmpty ? message.isEmpty : message.contains(says), "\(message)")
    }

    @Test(arguments: [
        "{shift: -1}", "{shift: 0.5}", "{flip: 1}", "{crop: 0}", "{crop: 1.5}", "{cutout: -3}", "{rotate: 5}",
        "3",
    ])
    func refusesOtherValues(_ augment: String) {
        #expect(throws: ConfigurationError.self) { try options("augment: \(augment)") }
    }
}
