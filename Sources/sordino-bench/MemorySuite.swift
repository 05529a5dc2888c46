import Compute
import Configuration
import Datasets
internal import Encoding
import Federation
import Learning
import Operations
import SecureAggregation
import Simulation

/// What a simulation keeps in memory, each run in a process of its own, and what an update weighs on the wire.
enum MemorySuite {
    private static let examplesPerClient = 7

    /// Bytes of a client at rest, of a parameter in a round, and of an upload.
    static func run(_ stopwatch: Stopwatch) throws -> [Figure] {
        let (few, many) = (1000, 1_000_000)
        let (small, large) = (10_000, 1_000_000)
        func slope(_ from: [Int], _ to: [Int], over count: Int) throws -> (seconds: Double, noise: Double) {
            Stopwatch.median(
                of: try (0..<3).map { _ in
                    let least = try peak(clients: from[0], inputs: from[1])
                    return (try peak(clients: to[0], inputs: to[1]) - least) / Double(count)
                })
        }
        let client = try slope([few, 10], [many, 10], over: many - few)
        let parameter = try slope([few, small], [few, large], over: 10 * (large - small))
        let whole = try peak(clients: many, inputs: 10)
        return try [
            Figure(
                name: "memory/simulated-client", bytes: client.seconds, noise: client.noise, unit: "client",
                .reference(Double(4 * examplesPerClient), "row numbers of its examples"),
                details: [("peak_rss_bytes_of_1000000", whole)]),
            Figure(
                name: "memory/parameter-of-a-round", bytes: parameter.seconds, noise: parameter.noise,
                unit: "parameter", .reference(4, "the parameter itself")),
        ] + [PrivacyMode.none, .central, .distributed].map(upload)
    }

    /// The body of one report of the MLP beside the same coordinates as floats.
    private static func upload(_ mode: PrivacyMode) throws -> Figure {
        let plan = try BenchTask.perceptron(mode: mode)
        return Figure(
            name: "memory/upload-55050-\(mode.rawValue)", bytes: Double(plan.reportBytes), noise: 0,
            unit: "upload", .reference(4 * Double(plan.dimension), "the update in floats"),
            details: [("bits", Double(plan.codec.bits))])
    }

    private static func peak(clients: Int, inputs: Int) throws -> Double {
        try ChildProcess.result("simulate", ["\(clients)", "\(inputs)"])
    }

    /// Plays two rounds of a linear model with as many clients and inputs as the arguments say, on one worker, and
    /// tells the peak of this process's memory.
    static func simulate(_ arguments: [String]) throws {
        let numbers = arguments.compactMap { Int($0) }
        guard numbers.count == 2 else { throw BenchFailure.childFailed }
        let (clients, inputs) = (numbers[0], numbers[1])
        let plan = try BenchTask.linear(inputs: inputs, cohort: 100, population: clients)
        let rows = 16
        let examples = Examples(
            count: rows, featureShape: [inputs],
            features: .bytes([UInt8](repeating: 3, count: rows * inputs), scale: 1 / 255),
            targets: .classes((0..<Int32(rows)).map { $0 % 10 }, count: 10))
        let section = try Section(
            .object([
                "scheme": .string("iid"), "with_replacement": .bool(true),
                "examples_per_client": .integer(examplesPerClient),
            ]), path: "partition")
        let subject = PartitionSubject(count: rows, labels: nil, classCount: 10)
        let partition = try PartitionerCatalog.partition(subject, section: section, clients: clients, seed: 1)
        let setup = SimulationSetup(
            plan: plan, training: examples, holdout: nil, partition: partition, seed: 1,
            faults: FleetModel(), workers: 1, noise: .seeded(1))
        _ = try Simulator(setup, journal: SilentJournal()).run()
        ChildCatalog.report(Double(ProcessMemory.peakResidentBytes ?? 0))
    }
}
