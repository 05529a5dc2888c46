import Compute
import Configuration
import Testing

@testable import Learning

/// A forest grows from sums of whole numbers: the same whoever holds which rows, and the one that plain search finds.
@Suite struct ForestTests {
    private static let specs = [
        "{preset: 'trees', trees: 3, depth: 3, classes: 2, edges: [-1, -0.2, 0.4, 1.1]}",
        "{preset: 'trees', trees: 2, depth: 2, classes: 3, edges: [[0], [-1, 0, 1], [], [0.3, 0.6]]}",
        "{preset: 'trees', trees: 3, depth: 2, outputs: 2, edges: [-0.5, 0.5]}",
        "{preset: 'trees', trees: 4, depth: 3, classes: 3, edges: [[0], [-1, 1], [], [0.3]], splits: 'random'}",
    ]

    private func forest(_ spec: String) throws -> (ForestShape, Examples) {
        let model = try Model(ModelSpec(json5(spec), path: "m"), inputShape: [4])
        let shape = try #require(model.forest)
        // Values that lie on edges among them.
        let table =
            shape.objective == .squaredError
            ? randomExamples(count: 157, shape: [4], valueWidth: 2, seed: 4)
            : randomExamples(count: 157, shape: [4], classes: model.outputCount, seed: 4)
        guard case .floats(let values) = table.features else { return (shape, table) }
        return (
            shape,
            Examples(
                count: table.count, featureShape: [4],
                features: .floats(values.map { (10 * $0).rounded() / 10 }), targets: table.targets)
        )
    }

    private func growth() -> ForestGrowth {
        var growth = ForestGrowth()
        growth.minimalWeight = 0.5
        return growth
    }

    /// A copy of a report, whose memory is the worker's.
    private func report(
        _ work: TreeHistograms, _ model: [Float], _ examples: Examples, _ rows: [Int32]
    ) throws -> [Float] {
        try withExtendedLifetime(work) {
            try model.withUnsafeBufferPointer { model in
                try rows.withUnsafeBufferPointer { rows in
                    let (report, loss) = try work.report(of: model, on: examples, indices: rows)
                    #expect(rows.isEmpty || loss.isNaN || loss > 0)
                    return Array(report)
                }
            }
        }
    }

    /// The parameters after all levels, of rows dealt to so many clients; each client's work starts anew in every round where
    /// `forgets`.
    private func grown(_ shape: ForestShape, _ examples: Examples, clients: Int, forgets: Bool = false) throws
        -> [Float]
    {
        var work = TreeHistograms(shape, inTwoParts: true)
        var parameters = [Float](repeating: 0, count: shape.count)
        for _ in 0..<shape.rounds {
            var sums = [Double](repeating: 0, count: TreeHistograms.reportCount(shape, inTwoParts: true))
            for client in 0..<clients {
                if forgets { work = TreeHistograms(shape, inTwoParts: true) }
                let rows = (0..<Int32(examples.count)).filter { Int($0) * 7 % clients == client }
                for (index, value) in try report(work, parameters, examples, rows).enumerated() {
                    sums[index] += Double(value)
                }
            }
            parameters = growth().grown(parameters, shape, sums: sums)
        }
        return parameters
    }

    @Test(arguments: specs, [1, 2, 10, 100])
    func sumsOverClientsGrowThePooledForest(spec: String, clients: Int) throws {
        let (shape, examples) = try forest(spec)
        let wanted = PlainForest(shape: shape, growth: growth(), examples: examples)
            .parameters(levels: shape.rounds)
        let found = try grown(shape, examples, clients: clients)
        #expect(found == wanted)
        #expect(found[0] == Float(shape.rounds))
        #expect(found[shape.featureStart..<shape.thresholdStart].count { $0 > 0 } > 3, "hardly a split")
    }

    /// What a worker remembers of its last rounds changes nothing.
    @Test(arguments: specs) func memoryChangesNothing(spec: String) throws {
        let (shape, examples) = try forest(spec)
        #expect(try grown(shape, examples, clients: 3, forgets: true) == grown(shape, examples, clients: 3))
    }

    /// Other parameters than those of the round before, and a table of the same size, are seen as what they are.
    @Test func anotherModelAndOtherRowsAreSeen() throws {
        let (shape, examples) = try forest(Self.specs[0])
        let whole = PlainForest(shape: shape, growth: growth(), examples: examples)
        var other = whole.parameters(levels: 4)
        other[shape.valueStart + 1] += 0.25
        let table = randomExamples(count: examples.count, shape: [4], classes: 2, seed: 5)
        let rows = (0..<Int32(examples.count)).map { $0 }
        let used = TreeHistograms(shape, inTwoParts: false)
        for (model, examples) in [
            (whole.parameters(levels: 7), examples), (whole.parameters(levels: 4), examples),
            (other, examples),
            (other, table), (whole.parameters(levels: 3), examples),
        ] {
            let found = try report(used, model, examples, rows)
            #expect(try report(TreeHistograms(shape, inTwoParts: false), model, examples, rows) == found)
            #expect(found.contains { $0 != 0 })
        }
    }

    /// A model comes from elsewhere: whatever its parameters are, work on it ends.
    @Test(arguments: [Float.nan, .infinity, -.infinity, -1, 1e30, 3.7, 8, 9, 16_777_216])
    func hostileParametersAreHarmless(value: Float) throws {
        let (shape, examples) = try forest(Self.specs[0])
        let work = TreeHistograms(shape, inTwoParts: true)
        let rows = (0..<Int32(examples.count)).map { $0 }
        for first in [value, 4] {
            var model = [Float](repeating: value, count: shape.count)
            model[0] = first
            #expect(try report(work, model, examples, rows).allSatisfy { $0.isFinite })
        }
        let left = growth().grown(
            [Float](repeating: value, count: shape.count), shape,
            sums: [Double](repeating: 1, count: 2 * shape.pairs))
        #expect(left.count == shape.count)
    }

    /// Of a forest that is whole nothing is asked, and nothing changes it.
    @Test func aWholeForestStays() throws {
        let (shape, examples) = try forest(Self.specs[2])
        let whole = try grown(shape, examples, clients: 1)
        let sums = [Double](repeating: 3, count: 2 * shape.pairs)
        #expect(growth().grown(whole, shape, sums: sums) == whole)
        #expect(
            try report(TreeHistograms(shape, inTwoParts: false), whole, examples, [0, 1]).allSatisfy {
                $0 == 0
            })
    }

    /// One node by hand (Chen and Guestrin 2016, equations 5 and 7), with a bound on the step and noise that took a weight
    /// below zero.
    @Test func aSplitIsItsFormula() throws {
        let model = try Model(
            ModelSpec(
                json5("{preset: 'trees', trees: 1, depth: 1, classes: 2, edges: [[1, 2], [5]]}"), path: "m"),
            inputShape: [2])
        let shape = try #require(model.forest)
        var growth = ForestGrowth()
        (growth.learningRate, growth.lambda, growth.minimalGain, growth.minimalWeight) = (0.5, 1, 0.25, 1)
        // The node's, then of feature 0 its second and third bin, then of feature 1 its second.
        let sums: [Double] = [2, 6, 4, 2, -5, 2, -1, 3]
        // Feature 0 at its edge 2: left (7, 4), right (-5, 2).
        let grown = growth.grown([Float](repeating: 0, count: shape.count), shape, sums: sums)
        #expect(grown == [1, 1, 2, -1.0 / 7, -0.7, Float(0.5 * 5 / 3)])
        growth.greatestStep = 1
        #expect(
            growth.grown([Float](repeating: 0, count: shape.count), shape, sums: sums).suffix(2) == [
                -0.5, 0.5,
            ])
        growth.minimalGain = 20
        #expect(growth.grown([Float](repeating: 0, count: shape.count), shape, sums: sums)[1] == 0)
        growth.minimalGain = 0
        let noisy = growth.grown(
            [Float](repeating: 0, count: shape.count), shape, sums: [3, -4, 0, 0, 0, 0, 0, 0])
        #expect(noisy == [1, 0, 0, -0.5, 0, 0])
    }

    /// Drawn splits are of features with edges, at their edges, and differ by step and seed.
    @Test func drawnSplitsAreAtEdges() throws {
        let (shape, _) = try forest(Self.specs[3])
        for step in 0..<4 {
            let splits = shape.drawnSplits(step: step, seed: 1)
            #expect(splits.features.count == 3 * 7)
            for (feature, threshold) in zip(splits.features, splits.thresholds) {
                #expect(shape.edges[Int(feature) - 1].contains(threshold))
            }
            #expect(splits.features != shape.drawnSplits(step: step + 1, seed: 1).features)
            #expect(splits.features != shape.drawnSplits(step: step, seed: 2).features)
        }
        let (other, examples) = try forest(
            "{preset: 'trees', trees: 2, depth: 2, classes: 2, edges: [], splits: 'random'}")
        let grown = try grown(other, examples, clients: 2)
        #expect(grown[1...].allSatisfy { $0 == 0 } && grown[0] == 2)
    }

    @Test func quantilesCutIntoEqualParts() {
        #expect(QuantileEdges.edges(sorted: [1, 1, 2, 4, 4], bins: 3) == [1.5, 3])
        #expect(QuantileEdges.edges(sorted: [7, 7, 7], bins: 8) == [])
        #expect(QuantileEdges.edges(sorted: [], bins: 2) == [])
        #expect(QuantileEdges.edges(sorted: (0..<100).map(Float.init), bins: 4) == [24.5, 49.5, 74.5])
        // Most rows have one value: it is a bin, and the rest are cut on.
        let heavy = [Float](repeating: 0, count: 90) + (1...10).map(Float.init)
        #expect(QuantileEdges.edges(sorted: heavy, bins: 10) == [0.5])
        #expect(QuantileEdges.edges(sorted: heavy, bins: 11) == (0..<10).map { Float($0) + 0.5 })
        let many = [Float](repeating: 0, count: 90) + (1...30).map(Float.init)
        #expect(QuantileEdges.edges(sorted: many, bins: 10) == [0.5, 6.5, 18.5])
        let near = [Float(1), Float(1).nextUp]
        #expect(QuantileEdges.edges(sorted: near, bins: 2) == [1])
    }

    @Test(arguments: [
        ("{preset: 'trees', edges: [0], trees: 0, classes: 2}", "m.trees"),
        ("{preset: 'trees', edges: [0], depth: 13, classes: 2}", "m.depth"),
        ("{preset: 'trees', edges: [0]}", "m.classes"),
        ("{preset: 'trees', edges: [0], classes: 2, outputs: 1}", "m.outputs"),
        ("{preset: 'trees', edges: [1, 1], classes: 2}", "m.edges"),
        ("{preset: 'trees', edges: [2, 1], classes: 2}", "m.edges"),
        ("{preset: 'trees', edges: [[0], 1], classes: 2}", "m.edges"),
        ("{preset: 'trees', edges: ['a'], classes: 2}", "m.edges"),
        ("{preset: 'trees', edges: [1e39], classes: 2}", "m.edges"),
        ("{preset: 'trees', classes: 2}", "m"),
        ("{preset: 'trees', edges: [[0]], classes: 2}", "m"),
        ("{preset: 'trees', classes: 2, quantiles: 63}", "m"),
        ("{preset: 'trees', classes: 2, edge: [0]}", "m.edge"),
        ("{preset: 'trees', classes: 2, edges: [0], splits: 'bset'}", "m.splits"),
        ("{preset: 'trees', classes: 2, edges: [0], split_seed: 3}", "m.split_seed"),
    ]) func refusals(_ spec: String, _ path: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try Model(ModelSpec(json5(spec), path: "m"), inputShape: [2])
        }
        #expect(error.map { $0.path.hasPrefix(path) } == true, "\(String(describing: error))")
    }

    @Test func targetsMustBeThoseOfTheForest() throws {
        let classes = randomExamples(count: 5, shape: [2], classes: 2, seed: 1)
        let values = randomExamples(count: 5, shape: [2], valueWidth: 2, seed: 1)
        let kinds = ["classes: 2", "outputs: 2"]
        for (kind, fits) in zip(kinds, [classes, values]) {
            let model = try Model(
                ModelSpec(json5("{preset: 'trees', edges: [0], \(kind)}"), path: "m"), inputShape: [2])
            try model.check(fits)
            for other in [classes, values] where "\(other.targets)" != "\(fits.targets)" {
                #expect(throws: ConfigurationError.self) { try model.check(other) }
            }
        }
    }
}
