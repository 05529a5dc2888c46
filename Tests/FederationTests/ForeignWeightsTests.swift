import Compute
import Configuration
import Federation
import Learning
import Messages
import Testing

/// Weights that another program saved.
@Suite struct ForeignWeightsTests {
    private static let layout = ParameterLayout([
        ("0.weight", [3, 2]), ("0.bias", [3]), ("2.weight", [3, 3]), ("2.bias", [3]),
    ])

    private static func tensor(_ name: String, _ shape: [Int], from start: Float) -> SafeTensors.Tensor {
        .init(name: name, shape: shape, values: (0..<shape.reduce(1, *)).map { start + Float($0) })
    }

    /// The tensors of the layout under other names.
    private static func named(_ names: [String]) -> [SafeTensors.Tensor] {
        [
            tensor(names[0], [3, 2], from: 1), tensor(names[1], [3], from: 11),
            tensor(names[2], [3, 3], from: 21),
            tensor(names[3], [3], from: 41),
        ]
    }

    private static let expected: [Float] =
        (1...6).map(Float.init) + (11...13).map(Float.init) + (21...29).map(Float.init)
        + (41...43).map(Float.init)

    private func fit(
        _ tensors: [SafeTensors.Tensor], byShape: Bool = false, transposed: Bool = false
    ) throws -> ForeignWeights {
        try ForeignWeights(
            SafeTensors(tensors: tensors), layout: Self.layout,
            rules: .init(matchesByShape: byShape, isTransposed: transposed), path: "w.safetensors")
    }

    @Test(arguments: ["", "module.", "model.net.", "_orig_mod.module."])
    func prefixesAreLookedThrough(prefix: String) throws {
        let names = ["0.weight", "0.bias", "2.weight", "2.bias"].map { prefix + $0 }
        let fit = try fit(Self.named(names).reversed())
        #expect(fit.parameters.values == Self.expected)
        #expect(fit.names.map(\.tensor) == names && fit.unused.isEmpty)
    }

    @Test func buffersAreLeftOutByName() throws {
        let tensors = Self.named(["0.weight", "0.bias", "2.weight", "2.bias"])
        let fit = try fit(tensors + [Self.tensor("1.running_mean", [3], from: 0)])
        #expect(fit.parameters.values == Self.expected && fit.unused == ["1.running_mean"])
    }

    @Test(arguments: [
        ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"],
        ["fc9.weight", "fc9.bias", "fc10.weight", "fc10.bias"],
        ["encoder.weight", "encoder.bias", "head.weight", "head.bias"],
        ["z.weight", "z.bias", "a.weight", "a.bias"],
    ])
    func layersAreToldByTheirShapes(names: [String]) throws {
        let fit = try fit(Self.named(names).shuffled(), byShape: true)
        #expect(fit.parameters.values == Self.expected)
        #expect(throws: ConfigurationError.self, "a published model's names are its own") {
            try self.fit(Self.named(names))
        }
    }

    /// Layers of one shape come in the natural order of their names.
    @Test func equalShapesFollowTheNumbers() throws {
        let layout = ParameterLayout([("0.weight", [1, 1]), ("1.weight", [1, 1]), ("2.weight", [1, 1])])
        let tensors = [("l10", 3), ("l9", 2), ("l1", 1)].map {
            SafeTensors.Tensor(name: "\($0.0).weight", shape: [1, 1], values: [Float($0.1)])
        }
        let fit = try ForeignWeights(
            SafeTensors(tensors: tensors), layout: layout, rules: .init(matchesByShape: true), path: "w")
        #expect(fit.parameters.values == [1, 2, 3])
    }

    @Test func matricesMayLieTheOtherWay() throws {
        var tensors = Self.named(["0.weight", "0.bias", "2.weight", "2.bias"])
        tensors[0] = .init(name: "0.weight", shape: [2, 3], values: [1, 3, 5, 2, 4, 6])
        tensors[2] = .init(name: "2.weight", shape: [3, 3], values: [21, 24, 27, 22, 25, 28, 23, 26, 29])
        #expect(try fit(tensors, transposed: true).parameters.values == Self.expected)
        let failure = #expect(throws: ConfigurationError.self) { try fit(tensors) }
        #expect(
            failure?.problem.contains("transposed") == true && failure?.problem.contains("[2, 3]") == true)
    }

    /// What is refused says what is there.
    @Test(arguments: [
        ([tensor("fc.weight", [7, 2], from: 0)], ["fc.weight [7, 2]", "0.weight [3, 2]"]),
        ([], ["no tensors"]),
        (
            named(["0.weight", "0.bias", "2.weight", "2.bias"]) + [tensor("4.weight", [9], from: 0)],
            ["4.weight [9]"]
        ),
        (
            named(["0.weight", "0.bias", "2.weight", "2.bias"]).dropLast()
                + [.init(name: "2.bias", shape: [3], values: [0, .nan, 0])], ["2.bias", "not finite"]
        ),
        (
            named(["0.weight", "0.bias", "2.weight", "2.bias"]).dropLast() + [tensor("2.bias", [4], from: 0)],
            ["2.bias", "[4]", "[3]"]
        ),
    ])
    func whatDoesNotFitIsNamed(tensors: [SafeTensors.Tensor], mentions: [String]) throws {
        for byShape in [false, true] {
            let failure = #expect(throws: ConfigurationError.self) { try fit(tensors, byShape: byShape) }
            for mention in mentions {
                #expect(failure?.problem.contains(mention) == true, "\(failure.map { "\($0)" } ?? "")")
            }
        }
    }
}
