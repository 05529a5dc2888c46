internal import Compute
internal import Configuration
internal import Datasets
internal import Federation
internal import Foundation
internal import Learning

/// Gradient inversion of one client's round, as `simulation.privacy_attack.gradient_inversion` says.
struct InversionAttack {
    /// Most examples of a client that are reconstructed at once: no attack is known to come near so many.
    private static let mostRecords = 64
    private static let path = "simulation.privacy_attack.gradient_inversion"

    private let configuration: InversionConfiguration
    private let setup: SimulationSetup
    private let shape: PictureShape?
    private let range: ClosedRange<Float>

    /// Throws ``ConfigurationError`` where the attack has no meaning on these data, this model or this strategy.
    init(_ configuration: InversionConfiguration, _ setup: SimulationSetup) throws {
        (self.configuration, self.setup) = (configuration, setup)
        try Self.check(configuration, setup)
        shape = PictureShape(setup.training.featureShape, flatAs: configuration.picture)
        range = Self.range(setup.training)
    }

    private static func check(_ configuration: InversionConfiguration, _ setup: SimulationSetup) throws {
        func refuse(_ key: String?, _ problem: String) -> ConfigurationError {
            ConfigurationError(path: key.map { "\(path).\($0)" } ?? path, problem: problem)
        }
        let plan = setup.plan
        guard case .classes = setup.training.targets else {
            throw refuse(nil, "reconstructs examples of classes, and these data have none")
        }
        guard configuration.client < setup.partition.clientCount else {
            throw refuse(
                "client",
                "is \(configuration.client), and the last client is \(setup.partition.clientCount - 1)")
        }
        let records = setup.partition.count(of: configuration.client)
        guard (1...mostRecords).contains(records) else {
            throw refuse(
                "client",
                "has \(records) examples, and an attack is made on 1 to \(mostRecords): choose another, or give "
                    + "clients fewer with simulation.partition.examples_per_client")
        }
        guard configuration.round <= plan.configuration.rounds else {
            throw refuse(
                "round", "is \(configuration.round), and task.rounds is \(plan.configuration.rounds)")
        }
        let loss =
            plan.training.loss ?? LossCatalog.standard(for: plan.model, targets: setup.training.targets)
        if let obstacle = GradientProbe.obstacle(plan.model, loss) {
            throw refuse(nil, "differentiates by the inputs: \(obstacle)")
        }
        guard plan.report.trained.count == plan.dimension, plan.clientMemory.isEmpty, setup.attack == nil,
            plan.training.augment == nil
        else {
            throw refuse(
                nil,
                "looks at plain changes of the model: remove simulation.attack, task.training.augment, and "
                    + "strategies or compressors that have clients send or keep more")
        }
        if configuration.labels == .inferred, plan.model.lastDense == nil {
            throw refuse("labels", "can be inferred where a dense layer with a bias is last; say \"known\"")
        }
        if configuration.picture != nil,
            PictureShape(setup.training.featureShape, flatAs: configuration.picture) == nil
        {
            throw refuse(
                "picture", "has not as many pixels as the \(setup.training.featureCount) values of an example"
            )
        }
    }

    /// Bounds of the values of an example, which an attacker is taken to know.
    private static func range(_ examples: Examples) -> ClosedRange<Float> {
        switch examples.features {
        case .bytes(_, let scale): min(0, 255 * scale)...max(0, 255 * scale)
        case .floats(let values): (values.min() ?? 0)...(values.max() ?? 1)
        case .tokens(_, let vocabulary): 0...Float(vocabulary)
        }
    }

    /// Attacks the round as the server sees it, and as everybody does. Throws where the client's part of it cannot be played again.
    func run(before: Simulator.Progress, after: Simulator.Progress?) throws
        -> (outcome: InversionOutcome, pictures: InversionPictures?)
    {
        let rows = Array(setup.partition[configuration.client])
        let truth = floats(rows)
        let observed = ObservedUpdate(
            setup, client: configuration.client, round: configuration.round, before: before)
        var seen: [(view: InversionView, update: [Float])] = []
        if let update = try observed.byServer() { seen.append((.server, update)) }
        if let after, took(part: before, after) {
            seen.append((.published, ObservedUpdate.published(before, after)))
        }
        var views: [InversionOutcome.View] = []
        var drawn: [InversionPictures.View] = []
        for (view, update) in seen {
            let found = try reconstruct(update, rows, before.parameters.values)
            let score = found.map { scored(truth, $0.inputs) }
            views.append(
                InversionOutcome.View(
                    view: view.rawValue, method: found?.method ?? "none", distance: found?.distance,
                    mse: score?.error, psnr: score?.peakSignalToNoise, correlation: score?.correlation,
                    bestCorrelation: score?.correlations.max(), labelsRight: found?.labelsRight))
            guard let found, let score else { continue }
            drawn.append(
                .init(
                    view: view, found: score.assignment.map { row(found.inputs, $0) },
                    correlations: score.correlations))
        }
        let blind = scored(truth, (0..<rows.count).flatMap { _ in meanOfOthers() })
        let outcome = InversionOutcome(
            client: configuration.client, round: configuration.round, records: rows.count,
            steps: steps(rows.count), labels: configuration.labels.rawValue, blindMSE: blind.error,
            blindCorrelation: blind.correlation, views: views)
        let pictures = shape.map { shape in
            InversionPictures(
                shape: shape, range: range, truth: rows.indices.map { row(truth, $0) }, views: drawn)
        }
        return (outcome, pictures)
    }

    /// Whether the client's report was in the round.
    private func took(part before: Simulator.Progress, _ after: Simulator.Progress) -> Bool {
        guard after.published > before.published, !after.participation.isEmpty else { return false }
        let earlier = before.participation.isEmpty ? 0 : before.participation[configuration.client]
        return after.participation[configuration.client] > earlier
    }

    private func steps(_ records: Int) -> Int {
        if let example = setup.plan.example { return example.training.steps }
        let options = setup.plan.training
        guard setup.plan.configuration.strategy.client.localWork != .gradient else { return 1 }
        return options.epochs * ((records + options.batchSize - 1) / options.batchSize)
    }

    private struct Found {
        let method: String
        let inputs: [Float]
        let distance: Double
        let labelsRight: Double
    }

    /// What an attacker makes of an update: the closed form and gradient matching, of which it keeps the one whose gradient
    /// is nearer to what it saw. Nil where the update says nothing, being zero or not finite.
    private func reconstruct(_ update: [Float], _ rows: [Int32], _ parameters: [Float]) throws -> Found? {
        let norm = update.reduce(0.0) { $0 + Double($1) * Double($1) }
        guard norm > 0, norm.isFinite, case .classes(let all, let classes) = setup.training.targets else {
            return nil
        }
        // Steps go against the gradient.
        let gradient = update.map { -$0 }
        let model = setup.plan.model
        let known = rows.map { all[Int($0)] }
        var labels = known
        if configuration.labels == .inferred, let last = model.lastDense {
            labels = LabelInference.labels(biasGradient: Array(gradient[last.bias]), count: rows.count)
        }
        let probe = try GradientProbe(
            model: model, options: setup.plan.training, targets: .classes(labels, count: classes),
            count: rows.count)
        let matching = GradientMatching(
            probe, at: parameters, observed: gradient, range: range, shape: shape)
        var tries: [(method: String, inputs: [Float], distance: Double)] = []
        if let first = model.firstDense {
            let inputs = DenseInversion.reconstruct(gradient, first, count: rows.count, range: range)
            tries.append(("analytic", inputs, matching.distance(at: inputs)))
        }
        for number in 0..<configuration.restarts {
            let best = matching.reconstruct(from: start(number, probe.inputs.count), effort)
            tries.append(("matching", best.inputs, best.distance))
        }
        guard let best = tries.min(by: { $0.distance < $1.distance }) else { return nil }
        return Found(
            method: best.method, inputs: best.inputs, distance: best.distance,
            labelsRight: Self.shareInCommon(labels, known))
    }

    private var effort: GradientMatching.Effort {
        .init(
            iterations: configuration.iterations,
            step: configuration.step * Double(range.upperBound - range.lowerBound),
            totalVariation: configuration.totalVariation)
    }

    /// Random inputs within the range of the data.
    private func start(_ number: Int, _ count: Int) -> [Float] {
        var random = SeededGenerator(
            seed: setup.seed, purpose: .attack, client: configuration.client, round: Self.streams + number)
        let extent = range.upperBound - range.lowerBound
        return (0..<count).map { _ in range.lowerBound + extent * random.uniform() }
    }

    /// Far above every round's number.
    private static let streams = 1 << 30

    /// How many of the classes are right, whatever their order.
    private static func shareInCommon(_ left: [Int32], _ right: [Int32]) -> Double {
        var counts = right.reduce(into: [Int32: Int]()) { $0[$1, default: 0] += 1 }
        var common = 0
        for label in left where counts[label, default: 0] > 0 {
            counts[label, default: 0] -= 1
            common += 1
        }
        return Double(common) / Double(max(1, right.count))
    }

    // MARK: Examples

    private var width: Int { setup.training.featureCount }

    private func row(_ values: [Float], _ index: Int) -> [Float] {
        Array(values[index * width..<(index + 1) * width])
    }

    private func floats(_ rows: [Int32]) -> [Float] {
        [Float](unsafeUninitializedCapacity: rows.count * width) { values, initialized in
            rows.withUnsafeBufferPointer { rows in
                guard let base = values.baseAddress else { return }
                Kernels.gather(setup.training, rows, into: base)
            }
            initialized = rows.count * width
        }
    }

    /// The mean of other clients' examples, of a few thousand of them at most.
    private func meanOfOthers() -> [Float] {
        let own = Set(setup.partition[configuration.client])
        let others = (0..<Int32(setup.training.count)).filter { !own.contains($0) }.prefix(4096)
        let values = floats(Array(others))
        var sums = [Double](repeating: 0, count: width)
        for example in 0..<others.count {
            for index in sums.indices { sums[index] += Double(values[example * width + index]) }
        }
        return sums.map { Float($0 / Double(max(1, others.count))) }
    }

    private func scored(_ truth: [Float], _ found: [Float]) -> ReconstructionScore {
        ReconstructionScore(
            truth: truth, found: found, width: width, extent: Double(range.upperBound - range.lowerBound))
    }
}
