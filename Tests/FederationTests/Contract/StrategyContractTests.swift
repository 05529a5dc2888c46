import Compute
import Configuration
import Federation
import Learning
import Testing

/// What every strategy of the catalog promises, held against an example of it: one without an example fails.
@Suite struct StrategyContractTests {
    /// Settings, and three parameters after rounds with these mean updates, computed by hand from the paper's formula.
    struct Example: Sendable {
        let text: String
        var after: [[Float]]
        /// Whether clients train as configured, with FedProx's term, or send one gradient.
        var proximalMu = 0.0
        var localWork = LocalWork.training
        /// What clients send beside the change in each round, in the mean: numbers, and a vector.
        var scalars: [[Float]] = [[], [], []]
        var controlVariates: [[Float]] = [[], [], []]
        /// What the rule remembers after the last round.
        var state: [Float]?
    }

    /// Share of the clients that are in each round.
    static let participation = 0.5

    static let start: [Float] = [1, -2, 0.5]
    static let updates: [[Float]] = [[0.5, 1, -1], [0.25, -0.5, 0], [0, 0, 2]]

    static let examples: [String: [Example]] = [
        "fedavg": [
            Example(
                text: "{ name: 'fedavg' }",
                after: [[1.5, -1, -0.5], [1.75, -1.5, -0.5], [1.75, -1.5, 1.5]]),
            // w += 2 v, v = 0.5 v + u (Hsu et al. 2019).
            Example(
                text: "{ name: 'fedavg', server_learning_rate: 2, server_momentum: 0.5 }",
                after: [[2, 0, -1.5], [3, 0, -2.5], [3.5, 0, 1]]),
        ],
        "fedprox": [
            Example(
                text: "{ name: 'fedprox', mu: 0.25, server_learning_rate: 0.5 }",
                after: [[1.25, -1.5, 0], [1.375, -1.75, 0], [1.375, -1.75, 1]], proximalMu: 0.25)
        ],
        "fedsgd": [
            Example(
                text: "{ name: 'fedsgd' }",
                after: [[1.5, -1, -0.5], [1.75, -1.5, -0.5], [1.75, -1.5, 1.5]],
                localWork: .gradient)
        ],
        // What is local or a client's own never comes to the server.
        "fedrep": [
            Example(
                text: "{ name: 'fedrep', head_epochs: 2 }",
                after: [[1.5, -1, -0.5], [1.75, -1.5, -0.5], [1.75, -1.5, 1.5]])
        ],
        "ditto": [
            Example(
                text: "{ name: 'ditto', lambda: 0.5, personal_epochs: 2 }",
                after: [[1.5, -1, -0.5], [1.75, -1.5, -0.5], [1.75, -1.5, 1.5]])
        ],
        // A forest moves as a whole.
        "trees": [
            Example(
                text:
                    "{ name: 'trees', learning_rate: 0.1, lambda: 2, gamma: 0.5, min_child_weight: 0, max_delta_step: 1 }",
                after: [start, start, start], localWork: .histograms)
        ],
        // By a program in NumPy, in 64 bits.
        "fedadam": [
            Example(
                text: "{ name: 'fedadam' }",
                after: [
                    [1.09802019, -1.90099495, 0.400994951], [1.2215065, -1.86539499, 0.311445981],
                    [1.33319415, -1.83319507, 0.364532221],
                ]),
            Example(
                text: "{ name: 'fedadam', server_learning_rate: 0.5, beta1: 0.5, beta2: 0.75, tau: 0.25 }",
                after: [
                    [1.21525044, -1.68548014, 0.185480141], [1.43747266, -1.68548014, 0.0123174855],
                    [1.55751885, -1.68548014, 0.341197069],
                ]),
        ],
        "fedavgm": [
            Example(
                text: "{ name: 'fedavgm' }",
                after: [[1.5, -1, -0.5], [2.2, -0.6, -1.4], [2.83, -0.24, -0.21]]),
            Example(
                text: "{ name: 'fedavgm', server_learning_rate: 2, server_momentum: 0.5 }",
                after: [[2, 0, -1.5], [3, 0, -2.5], [3.5, 0, 1]]),
        ],
        "fedyogi": [
            Example(
                text: "{ name: 'fedyogi' }",
                after: [
                    [1.098019998, -1.900995, 0.400995], [1.221019838, -1.865536481, 0.3118905],
                    [1.331719695, -1.833623815, 0.36487145],
                ]),
            Example(
                text: "{ name: 'fedyogi', server_learning_rate: 0.5, beta1: 0.5, beta2: 0.75, tau: 0.25 }",
                after: [
                    [1.207106781, -1.690983006, 0.190983006], [1.422357218, -1.690983006, 0.036474508],
                    [1.529982437, -1.690983006, 0.349949882],
                ]),
        ],
        "fedadagrad": [
            Example(
                text: "{ name: 'fedadagrad' }",
                after: [
                    [1.0998002, -1.90009995, 0.40009995], [1.144441631, -1.944781327, 0.40009995],
                    [1.144441631, -1.944781327, 0.489502678],
                ]),
            Example(
                text: "{ name: 'fedadagrad', server_learning_rate: 0.5, beta1: 0.5, tau: 0.25 }",
                after: [
                    [1.154508497, -1.804805898, 0.304805898], [1.299457471, -1.804805898, 0.207208848],
                    [1.371931959, -1.804805898, 0.382208848],
                ]),
        ],
        // Means of 3, 2 and 1/2 steps, at half the rate.
        "fednova": [
            Example(
                text: "{ name: 'fednova', server_learning_rate: 0.5 }",
                after: [[1.75, -0.5, -1], [2, -1, -1], [2, -1, -0.5]], scalars: [[3], [2], [0.5]])
        ],
        // Steps of 18/(2 · 2.5), of 1 where less came of it, and of 16/(2 · 4.25).
        "fedexp": [
            Example(
                text: "{ name: 'fedexp', epsilon: 0.25 }",
                after: [[2.8, 1.6, -3.1], [3.05, 1.1, -3.1], [3.05, 1.1, 0.6647058824]],
                scalars: [[18], [1], [16]])
        ],
        "scaffold": [
            Example(
                text: "{ name: 'scaffold', server_learning_rate: 0.5 }",
                after: [[1.25, -1.5, 0], [1.375, -1.75, 0], [1.375, -1.75, 1]],
                controlVariates: [[1, 2, 3], [0, -1, 1], [2, 0, -2]], state: [1.5, 0.5, 1])
        ],
        "feddyn": [
            Example(
                text: "{ name: 'feddyn', alpha: 0.25 }",
                after: [[1.75, -0.5, -1], [2.375, -0.75, -1.5], [2.75, -0.5, 1]], proximalMu: 0.25,
                state: [0.375, 0.25, 0.5])
        ],
    ]

    @Test func everyStrategyHasAnExample() {
        let names = StrategyCatalog.all.map { $0.name }
        #expect(Set(names).count == names.count && Set(names) == Set(Self.examples.keys))
    }

    private func strategy(_ text: String) throws -> Strategy {
        try StrategyCatalog.make(
            Section(JSONValue(json5: text.utf8, source: "test"), path: "task.strategy"))
    }

    /// The parameters after each step of the rule with these mean updates, moved in pieces of so many, and what it remembers
    /// then.
    private func moved(
        _ example: Example, _ updates: [[Float]], piece: Int
    ) throws -> (steps: [[Float]], state: [Float]) {
        let rule = try strategy(example.text).server
        var parameters = Self.start
        let (count, width) = (parameters.count, rule.stateNames.count)
        var state = [Float](repeating: 0, count: width * count)
        let steps = updates.enumerated().map { place, update -> [Float] in
            let factor = rule.factor(
                RoundMeans(scalars: example.scalars[place]) {
                    update.reduce(0) { $0 + Double($1) * Double($1) }
                })
            let control = example.controlVariates[place]
            control.withUnsafeBufferPointer { control in
                update.withUnsafeBufferPointer { update in
                    state.withUnsafeMutableBufferPointer { state in
                        parameters.withUnsafeMutableBufferPointer { parameters in
                            for start in stride(from: 0, to: count, by: piece) {
                                let range = start..<min(start + piece, count)
                                rule.update(
                                    ServerPass(
                                        step: place + 1, meanUpdate: .init(rebasing: update[range]),
                                        meanControlVariate: .init(
                                            rebasing: control[control.isEmpty ? 0..<0 : range]),
                                        factor: factor, participation: Self.participation,
                                        state: OptimizerStatePiece(state, width: width, count: count)[range],
                                        parameters: .init(rebasing: parameters[range])))
                            }
                        }
                    }
                }
            }
            return parameters
        }
        return (steps, state)
    }

    @Test(arguments: examples.keys.sorted(), [1, 2, 3])
    func stepsAreWhatTheFormulaSaysInPiecesToo(name: String, piece: Int) throws {
        for example in try #require(Self.examples[name]) {
            let (steps, state) = try moved(example, Self.updates, piece: piece)
            for (found, wanted) in zip(steps.joined(), example.after.joined()) {
                #expect(abs(found - wanted) < 1e-6, "\(example.text)")
            }
            if let wanted = example.state { #expect(state == wanted, "\(example.text)") }
        }
    }

    /// A first round in which no client moved leaves the model where it is.
    @Test(arguments: examples.keys.sorted()) func nothingComesOfNothing(name: String) throws {
        for example in try #require(Self.examples[name]) {
            #expect(try moved(example, [[0, 0, 0]], piece: 3).steps == [Self.start])
        }
    }

    /// Files keep the values of a rule in the order of their names, and the names in one line.
    @Test(arguments: examples.keys.sorted()) func valuesThatAreRememberedHaveNames(name: String) throws {
        for example in try #require(Self.examples[name]) {
            let names = try strategy(example.text).server.stateNames
            #expect(Set(names).count == names.count)
            #expect(names.allSatisfy { $0.wholeMatch(of: /[a-z_]+/) != nil })
        }
    }

    @Test(arguments: examples.keys.sorted()) func settingsReadBackAndLocalWorkIsAsStated(name: String) throws
    {
        let options = try TrainingOptions(
            JSONValue(json5: "{ local_epochs: 3 }".utf8, source: "test"), path: "training")
        for example in try #require(Self.examples[name]) {
            let strategy = try strategy(example.text)
            #expect(strategy.name == name && strategy.client.localWork == example.localWork)
            let again = try StrategyCatalog.make(Section(strategy.json, path: "task.strategy"))
            #expect(again.json == strategy.json)
            let local = strategy.client.localTraining(options)
            #expect(local.proximalMu == example.proximalMu)
            #expect(local.localEpochs == (example.localWork == .gradient ? 1 : 3))
            guard case .object(var members) = strategy.json else { throw ReadingError() }
            #expect(members["name"] == .string(name))
            members["nonsense"] = .integer(1)
            #expect(throws: ConfigurationError.self) {
                try StrategyCatalog.make(Section(.object(members), path: "task.strategy"))
            }
        }
    }

    private struct ReadingError: Error {}
}
