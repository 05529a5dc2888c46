import Compute
import Configuration
import Datasets
import Foundation
import Learning
import Testing

@testable import Simulation

/// Reconstructing examples from gradients: its arithmetic against PyTorch, and what it finds of one client.
@Suite struct GradientInversionTests {
    private static func probe(_ layers: String, _ shape: [Int], labels: [Int32]) throws -> GradientProbe {
        let spec = try ModelSpec(JSONValue(json5: "{layers: \(layers)}".utf8, source: "t"), path: "m")
        let options = try TrainingOptions(JSONValue(json5: "{}".utf8, source: "t"), path: "t")
        return try GradientProbe(
            model: Model(spec, inputShape: shape), options: options, targets: .classes(labels, count: 3),
            count: labels.count)
    }

    /// A network, the cosine distance of its gradient to a vector, and the slope of that by the inputs, as PyTorch 2.15
    /// differentiates twice in double precision: weights 0.6 sin(1.3 k + 0.2), inputs 0.5 + 0.5 sin(2.1 k), target
    /// cos(0.7 k + 0.1), classes 0 and 2.
    static let slopes: [(layers: String, shape: [Int], distance: Double, slope: [Double])] = [
        (
            "[{dense: 4}, {tanh: {}}, {dense: 3}]", [5], 0.8613735084650915,
            [
                0.0426257074, 0.0429781703, -0.0375813767, -0.0713540343, -0.0329644639, -0.00740071131,
                -0.00338270466, 0.0695288006, 0.0728897627, 0.0533856738,
            ]
        ),
        (
            "[{dense: 4}, {relu: {}}, {dense: 3}]", [5], 0.8164641224851411,
            [
                -0.0057503976, -0.0089641732, -0.0117912807, 0.029326156, 0.0199677898, 0.0419623569,
                -0.00986782613, 0.00788896461, -0.0514955415, -0.0409569958,
            ]
        ),
        (
            "[{conv2d: {channels: 2, kernel: 3}}, {sigmoid: {}}, {flatten: {}}, {dense: 3}]", [1, 4, 4],
            0.9873241472442587,
            [
                0.0127010238, 0.0263091543, 0.0117506761, 0.0020579573, -0.0176360741, -0.0512659171,
                -0.0407266225, -0.0184870708, -0.00109668863, 0.00928400883, 0.0414358649, 0.0410137226,
                0.0048137491, 0.0164418827, -0.00812515687, -0.0219598249, 0.020555774, 0.0057433686,
                -0.0100550997, -0.00756563966, -0.0352814495, -0.0189964758, 0.0119197141, 0.0232866476,
                0.0112690884, 0.0375881332, 0.0208241577, -0.0234610324, 0.00973756754, -0.0191225368,
                -0.0315625607, 0.000389690446,
            ]
        ),
    ]

    @Test(arguments: slopes) func slopesAreThoseOfDifferentiatingTwice(
        _ layers: String, _ shape: [Int], _ distance: Double, _ slope: [Double]
    ) throws {
        let probe = try Self.probe(layers, shape, labels: [0, 2])
        let count = probe.model.trainedCount
        let matching = GradientMatching(
            probe, at: (0..<count).map { Float(0.6 * sin(1.3 * Double($0) + 0.2)) },
            observed: (0..<count).map { Float(cos(0.7 * Double($0) + 0.1)) }, range: 0...1, shape: nil)
        for index in probe.inputs.indices {
            probe.inputs[index] = Float(0.5 + 0.5 * sin(2.1 * Double(index)))
        }
        #expect(abs(matching.differentiate() - distance) < 1e-6)
        let found = matching.currentSlope
        let error = zip(found, slope).reduce(0.0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }
        let size = slope.reduce(0.0) { $0 + $1 * $1 }
        #expect((error / size).squareRoot() < 2e-3, "\((error / size).squareRoot())")
    }

    @Test func variationIsTheMeanStepAndItsSlope() throws {
        let shape = try #require(PictureShape([1, 2, 3]))
        var values: [Float] = [0, 1, 3, 0, 0, 2]
        var slope = [Float](repeating: 0, count: 6)
        func variation() -> Double {
            values.withUnsafeMutableBufferPointer { values in
                slope.withUnsafeMutableBufferPointer { shape.addVariation(of: values, times: 2, to: $0) }
            }
        }
        // Below: 0, 1, 1 over 3; beside: 1, 2, 0, 2 over 4.
        #expect(abs(variation() - (2.0 / 3 + 5.0 / 4)) < 1e-6)
        #expect(slope.map { ($0 * 12).rounded() } == [-6, 8, 14, 0, -14, -2])
    }

    @Test(
        arguments: [
            ([1, 28, 28], nil, true), ([28, 28], nil, true), ([3, 4, 4], nil, true), ([64], nil, false),
            ([2, 4, 4], nil, false), ([64], [8, 8], true), ([64], [8, 9], false),
        ] as [([Int], [Int]?, Bool)]) func shapesThatArePictures(_ shape: [Int], _ sides: [Int]?, _ are: Bool)
    {
        #expect((PictureShape(shape, flatAs: sides) != nil) == are)
    }

    /// Of one example the signs of the last bias's gradient name its class; of several with classes of their own too.
    @Test func labelsFollowFromTheBias() {
        #expect(LabelInference.labels(biasGradient: [0.3, -0.8, 0.5], count: 1) == [1])
        #expect(LabelInference.labels(biasGradient: [-0.2, 0.3, -0.1], count: 2) == [0, 2])
        // Three examples of one class at a model that is at a loss: (1/3 − 1) below, 1/3 above.
        #expect(LabelInference.labels(biasGradient: [-2 / 3, 1 / 3, 1 / 3], count: 3) == [0, 0, 0])
        #expect(LabelInference.labels(biasGradient: [.nan, 0, 0], count: 2).count == 2)
    }

    @Test func reconstructionsArePairedByNearness() {
        let truth: [Float] = [0, 0, 1, 1, 2, 0]
        let score = ReconstructionScore(truth: truth, found: [2, 0, 0, 0, 1, 1], width: 2, extent: 2)
        #expect(score.assignment == [1, 2, 0] && score.error == 0 && score.peakSignalToNoise == 100)
        let off = ReconstructionScore(truth: [0, 1], found: [0.5, 0.5], width: 2, extent: 1)
        #expect(abs(off.error - 0.25) < 1e-12 && off.correlation == 0)
        #expect(abs(off.peakSignalToNoise - 6.0206) < 1e-3)
        let opposite = ReconstructionScore(truth: [0, 1, 2], found: [4, 2, 0], width: 3, extent: 1)
        #expect(abs(opposite.correlation + 1) < 1e-12)
    }

    // MARK: One client

    private static func section(_ text: String) throws -> PrivacyAttackConfiguration {
        try PrivacyAttackConfiguration(
            Section(JSONValue(json5: text.utf8, source: "test"), path: "simulation.privacy_attack"))
    }

    /// A federation in which client 0 has `records` rows and takes one step.
    private static func setup(_ records: Int, privacy: String = "{mode: 'none'}") throws -> SimulationSetup {
        var setup = try SimulatorFixture.setup(
            privacy: privacy, task: "min_reports: 6", clients: 8, cohort: 8)
        setup.partition = Partition(
            clients: (0..<8).map { client in (0..<Int32(records)).map { $0 + Int32(client * 9) } })
        return setup
    }

    private static func attack(_ setup: SimulationSetup, _ keys: String = "") throws -> InversionOutcome {
        let attacks = try PrivacyAttacks(
            section("{gradient_inversion: {iterations: 40, restarts: 1, \(keys)}}"), setup)
        let simulator = try Simulator(setup, journal: SilentJournal())
        let witness = attacks.witness(simulator, Stopper(after: 3))
        _ = try simulator.run(witness)
        let result = try attacks.run(witness)
        #expect(result.warnings.isEmpty)
        return try #require(result.outcome.gradientInversion)
    }

    /// The server, who has a plain report, reads one example exactly; everybody else has a mixture of eight clients'.
    @Test(arguments: ["known", "inferred"]) func oneExampleIsReadFromAPlainReport(_ labels: String) throws {
        let outcome = try Self.attack(Self.setup(1), "labels: '\(labels)', round: 2")
        #expect(
            outcome.records == 1 && outcome.steps == 1
                && outcome.views.map(\.view) == ["server", "published"])
        let server = outcome.views[0]
        #expect(try #require(server.mse) < 1e-6 && server.labelsRight == 1 && server.method == "analytic")
        #expect(try #require(outcome.views[1].mse) > 1e-4)
        #expect(outcome.blindMSE > 1e-2)
    }

    /// Noise of the client's own hides it; in mode `central` it hides it from those who have the models alone.
    @Test(arguments: [
        ("local", ["server", "published"]), ("central", ["server", "published"]),
        ("distributed", ["published"]),
    ]) func noiseHides(_ mode: String, _ views: [String]) throws {
        let outcome = try Self.attack(
            Self.setup(1, privacy: "{mode: '\(mode)', clipping_norm: 0.5, noise_multiplier: 2}"))
        #expect(outcome.views.map(\.view) == views)
        for view in outcome.views {
            let isRead = try #require(view.mse) < 1e-4
            #expect(isRead == (mode == "central" && view.view == "server"), "\(mode) \(view)")
        }
    }

    @Test(arguments: [
        ("{}", ""), ("{gradient_inversion: {client: 8}}", ".gradient_inversion.client"),
        ("{gradient_inversion: {round: 7}}", ".gradient_inversion.round"),
        ("{gradient_inversion: {labels: 'none'}}", ".gradient_inversion.labels"),
        ("{gradient_inversion: {picture: [2]}}", ".gradient_inversion.picture"),
        ("{gradient_inversion: {picture: [2, 2]}}", ".gradient_inversion.picture"),
        ("{gradient_inversion: {step: 0}}", ".gradient_inversion.step"),
        ("{membership_inference: {shadows: 3}}", ".membership_inference.shadows"),
        ("{membership_inference: {unit: 'silo'}}", ".membership_inference.unit"),
        ("{membership: {}}", ".membership"),
    ]) func badSections(_ text: String, _ key: String) throws {
        let setup = try Self.setup(2)
        let error = #expect(throws: ConfigurationError.self) {
            try PrivacyAttacks(Self.section(text), setup)
        }
        #expect(error?.path == "simulation.privacy_attack" + key)
    }

    /// Clients of too many examples, or that send more than a change, are refused.
    @Test func whatCannotBeInvertedIsRefused() throws {
        let many = try Self.setup(65)
        #expect(throws: ConfigurationError.self) {
            try PrivacyAttacks(Self.section("{gradient_inversion: {}}"), many)
        }
        var scaffold = try SimulatorFixture.setup(strategy: "{name: 'scaffold'}")
        #expect(throws: ConfigurationError.self) {
            try PrivacyAttacks(Self.section("{gradient_inversion: {}}"), scaffold)
        }
        scaffold = try SimulatorFixture.setup()
        scaffold.attack = try AttackConfiguration(
            Section(JSONValue(json5: "{name: 'zero'}".utf8, source: "t"), path: "simulation.attack"))
        #expect(throws: ConfigurationError.self) {
            try PrivacyAttacks(Self.section("{membership_inference: {}}"), scaffold)
        }
    }
}
