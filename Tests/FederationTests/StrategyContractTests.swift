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
    }

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
    ]

    @Test func everyStrategyHasAnExample() {
        let names = StrategyCatalog.all.map { $0.name }
        #expect(Set(names).count == names.count && Set(names) == Set(Self.examples.keys))
    }

    private func strategy(_ text: String) throws -> any Strategy {
        try StrategyCatalog.make(
            Section(JSONValue(json5: text.utf8, source: "test"), path: "task.strategy"))
    }

    /// Moves the parameters in pieces of so many.
    private func move(
        _ strategy: any Strategy, _ update: [Float], _ memory: inout [Float], _ parameters: inout [Float],
        piece: Int
    ) {
        update.withUnsafeBufferPointer { update in
            memory.withUnsafeMutableBufferPointer { memory in
                parameters.withUnsafeMutableBufferPointer { parameters in
                    for start in stride(from: 0, to: parameters.count, by: piece) {
                        let range = start..<min(start + piece, parameters.count)
                        strategy.apply(
                            meanUpdate: .init(rebasing: update[range]),
                            memory: .init(rebasing: memory[strategy.remembers ? range : 0..<0]),
                            to: .init(rebasing: parameters[range]))
                    }
                }
            }
        }
    }

    @Test(arguments: examples.keys.sorted(), [1, 2, 3])
    func roundsAreWhatTheFormulaSaysInPiecesToo(name: String, piece: Int) throws {
        for example in try #require(Self.examples[name]) {
            let strategy = try strategy(example.text)
            var parameters = Self.start
            var memory = [Float](repeating: 0, count: strategy.remembers ? parameters.count : 0)
            for (update, expected) in zip(Self.updates, example.after) {
                move(strategy, update, &memory, &parameters, piece: piece)
                for (found, wanted) in zip(parameters, expected) {
                    #expect(abs(found - wanted) < 1e-6, "\(example.text)")
                }
            }
        }
    }

    /// A first round in which no client moved leaves the model where it is.
    @Test(arguments: examples.keys.sorted()) func nothingComesOfNothing(name: String) throws {
        for example in try #require(Self.examples[name]) {
            let strategy = try strategy(example.text)
            var parameters = Self.start
            var memory = [Float](repeating: 0, count: strategy.remembers ? parameters.count : 0)
            move(strategy, [0, 0, 0], &memory, &parameters, piece: 3)
            #expect(parameters == Self.start)
        }
    }

    @Test(arguments: examples.keys.sorted()) func settingsReadBackAndLocalWorkIsAsStated(name: String) throws
    {
        let options = try TrainingOptions(
            JSONValue(json5: "{ local_epochs: 3 }".utf8, source: "test"), path: "training")
        for example in try #require(Self.examples[name]) {
            let strategy = try strategy(example.text)
            #expect(type(of: strategy).name == name && strategy.localWork == example.localWork)
            let again = try StrategyCatalog.make(
                Section(
                    .object(strategy.settings.merging(["name": .string(name)]) { $1 }), path: "task.strategy")
            )
            #expect(again.settings == strategy.settings)
            let local = strategy.localTraining(options)
            #expect(local.proximalMu == example.proximalMu)
            #expect(local.localEpochs == (example.localWork == .gradient ? 1 : 3))
            let unknown = JSONValue.object(
                strategy.settings.merging(["name": .string(name), "nonsense": .integer(1)]) { $1 })
            #expect(throws: ConfigurationError.self) {
                try StrategyCatalog.make(Section(unknown, path: "task.strategy"))
            }
        }
    }
}
