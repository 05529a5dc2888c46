import Compute
import Configuration
import Foundation
import Learning
import Messages
import TestSupport
import Testing

@testable import Federation

/// Models that start from a file.
@Suite("Starting from a checkpoint") struct StartingModelTests {
    private let folder: String

    init() throws { folder = try TemporaryFolders.make("checkpoint") }

    private static let layers = "layers: [{dense: 4, name: 'body'}, 'tanh', {dense: 3, name: 'head'}]"

    private func model(_ more: String) throws -> Model {
        let spec = try ModelSpec(
            JSONValue(json5: "{\(Self.layers)\(more)}".utf8, source: "test"), path: "task.model")
        return try Model(spec, inputShape: [2])
    }

    private func write(_ tensors: [(String, [Int])], _ name: String = "base.safetensors") throws {
        let file = SafeTensors(
            tensors: tensors.enumerated().map { index, tensor in
                let count = tensor.1.reduce(1, *)
                return .init(
                    name: tensor.0, shape: tensor.1,
                    values: (0..<count).map { Float(index) + Float($0) / 100 })
            })
        try Data(file.encoded()).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }

    private static let whole: [(String, [Int])] = [
        ("body.weight", [4, 2]), ("body.bias", [4]), ("head.weight", [3, 4]), ("head.bias", [3]),
    ]

    /// Names as they are, behind one prefix, and the head without it; buffers are left out.
    @Test(arguments: ["", "bert.", "transformer.", "module."])
    func valuesComeFromTheFile(prefix: String) throws {
        var tensors = Self.whole.map { (prefix + $0.0, $0.1) }
        if prefix == "bert." { tensors[2...] = Self.whole[2...] }
        try write(tensors + [("\(prefix)position_ids", [2])])
        let start = try StartingModel(model(", from: 'base.safetensors'"), seed: 1, folder: folder)
        let values = start.model.initialParameters(seed: 9).values
        #expect(values[0] == 0 && values[1] == 0.01 && values[8] == 1 && values[12] == 2 && values[24] == 3)
        #expect(start.model.frozen == nil && start.model.spec.from == nil)
    }

    @Test func aFreshHeadIsDrawn() throws {
        try write(Array(Self.whole[..<2]) + [("pooler.weight", [1])])
        let from = ", from: {file: 'base.safetensors', fresh: ['head.*'], ignore: ['pooler.*']}"
        let start = try StartingModel(model(from), seed: 5, folder: folder)
        let drawn = try model("").initialParameters(seed: 5).values
        let values = start.model.initialParameters(seed: 5).values
        #expect(values[0] == 0 && Array(values[12...]) == Array(drawn[12...]))
    }

    /// All that does not fit, in one line.
    @Test(arguments: [
        ([("body.weight", [4, 2])], "lacks body.bias [4], head.weight [3, 4], head.bias [3]"),
        (whole + [("tail.weight", [7])], "has left over tail.weight"),
        (Array(whole[..<3]) + [("head.bias", [4])], "holds head.bias [4] where the model has [3]"),
    ])
    func whatDoesNotFitIsSaid(tensors: [(String, [Int])], words: String) throws {
        try write(tensors)
        let error = #expect(throws: ConfigurationError.self) {
            try StartingModel(model(", from: 'base.safetensors'"), seed: 1, folder: folder)
        }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains(words) && text.hasPrefix("task.model.from") && !text.contains("\n"), "\(text)")
    }

    @Test func aFileThatCannotBeReadIsNamed() throws {
        try Data("no tensors".utf8).write(to: URL(fileURLWithPath: "\(folder)/bad.safetensors"))
        for name in ["none.safetensors", "bad.safetensors"] {
            let error = #expect(throws: ConfigurationError.self) {
                try StartingModel(model(", from: '\(name)'"), seed: 1, folder: folder)
            }
            #expect(error.map { "\($0)".contains(name) } ?? false)
        }
    }

    /// Everyone else builds the same model from what is published.
    @Test func whatIsPublishedSaysWhatIsFrozen() throws {
        let start = try StartingModel(
            model(", adapters: {rank: 1, targets: ['body'], train: ['head.*']}"), seed: 3, folder: folder)
        let frozen = try #require(start.model.frozen)
        #expect(start.model.spec.frozenFile == (try FrozenModelFile.digest(frozen)))
        let other = try Model(ModelSpec(start.model.spec.json, path: "model"), inputShape: [2])
        #expect(other.layout == start.model.layout && other.frozenLayout == frozen.layout)
        #expect(frozen.layout.entries.map(\.name) == ["body.weight", "body.bias"])
    }
}
