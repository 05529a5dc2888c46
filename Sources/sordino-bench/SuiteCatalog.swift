/// A group of measurements under one name.
struct Suite: Sendable {
    let name: String
    let run: @Sendable (Stopwatch) throws -> [Figure]
}

/// Every suite, one line an entry.
enum SuiteCatalog {
    static let all: [Suite] = [
        Suite(name: "kernels", run: KernelSuite.run),
        Suite(name: "training", run: TrainingSuite.run),
        Suite(name: "privacy", run: PrivacySuite.run),
        Suite(name: "secagg", run: SecureAggregationSuite.run),
        Suite(name: "round", run: RoundSuite.run),
        Suite(name: "robust", run: RobustSuite.run),
        Suite(name: "server", run: ServerSuite.run),
        Suite(name: "memory", run: MemorySuite.run),
    ]
}
