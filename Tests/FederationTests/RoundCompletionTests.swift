import Compute
import Configuration
import Encoding
import Federation
import Learning
import Privacy
import Testing

/// The last steps of a round, over a port that forgets nothing and can be made to fail anywhere.
@Suite struct RoundCompletionTests {
    private static let modes = [
        "{ mode: 'none' }",
        "{ mode: 'central', clipping_norm: 1, noise_multiplier: 1 }",
        "{ mode: 'central', clipping_norm: 1, noise_multiplier: 0.2, adaptive_clipping: {} }",
        "{ mode: 'central', mechanism: 'tree', clipping_norm: 1, noise_multiplier: 1, adjacency: 'zero-out' }",
        "{ mode: 'central', mechanism: 'matrix', clipping_norm: 1, noise_multiplier: 1 }",
        "{ mode: 'local', clipping_norm: 1, noise_multiplier: 1 }",
        "{ mode: 'distributed', clipping_norm: 1, noise_multiplier: 1, target_delta: 1e-5 }",
    ]

    private static func plan(_ privacy: String) throws -> TaskPlan {
        let text = """
            { model: { layers: [{ dense: 7 }] }, training: { learning_rate: 0.1 }, rounds: 8, cohort_size: 4,
              privacy: \(privacy) }
            """
        let task = try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        return try TaskPlan(task, model: Model(task.model, inputShape: [30]), population: 40)
    }

    /// The engine's order, where the charge comes before the sum and where it comes after.
    private static func steps(_ plan: TaskPlan, round: Int) -> [RoundAction] {
        let sum = RoundAction.requireSum(round: round, survivors: [1, 2, 3])
        let charge = RoundAction.requireCharge(round: round)
        return (plan.rules.chargesBeforeSum ? [charge, sum] : [sum, charge]) + [
            .requireNoise(round: round), .requireSettlement(round: round, survivors: 3),
            .requirePublication(round: round),
        ]
    }

    /// Plays a round, the `charge`-th charged, trying a step again that failed; returns its events.
    private static func play(
        _ completion: inout RoundCompletion<MemoryPort>, _ plan: TaskPlan, _ port: MemoryPort, charge: Int = 1
    ) throws -> [RoundEvent] {
        var (events, charged) = ([RoundEvent](), charge - 1)
        for step in steps(plan, round: charge) {
            var event: RoundEvent?
            for _ in 0..<2 where event == nil {
                do {
                    event = try completion.carryOut(step, charged: charged, over: port)
                } catch is Breakdown {}
            }
            if event == .charged { charged += 1 }
            events.append(try #require(event))
        }
        return events
    }

    @Test(arguments: modes) func stepsComeInTheEnginesOrder(privacy: String) throws {
        let plan = try Self.plan(privacy)
        let port = MemoryPort(plan)
        var completion = RoundCompletion<MemoryPort>(plan)
        let events = try Self.play(&completion, plan, port)
        #expect(events.suffix(3) == [.noised, .settled, .published])
        let opening = plan.rules.chargesBeforeSum ? ["charge 1", "fix"] : ["fix", "charge 1"]
        #expect(
            port.calls == opening + [
                "stored?", "exact", "store", "forget", "digest", "settle 1", "make", "publish",
            ])
        #expect(port.settled == plan.costs(charge: 1) && port.charged == plan.costs(charge: 1))
    }

    /// Where the server adds the noise, what is stored, settled and made into a model is never the exact sum; where
    /// clients do or nobody does, it is.
    @Test(arguments: modes) func whatIsReleasedHasTheServersNoise(privacy: String) throws {
        let plan = try Self.plan(privacy)
        let port = MemoryPort(plan)
        var completion = RoundCompletion<MemoryPort>(plan)
        _ = try Self.play(&completion, plan, port)
        let noise = zip(port.made, port.exact.centred()).map { Double($0 - $1) }
        let isServers = plan.privacy?.configuration.mode == .central
        #expect(noise.contains { $0 != 0 } == isServers)
        if isServers, let variance = plan.privacy?.mechanism.variance {
            let found = noise.prefix(plan.dimension).reduce(0) { $0 + $1 * $1 } / Double(plan.dimension)
            // 217 coordinates: the mean square is within half of its expectation but with probability below 1e-5.
            #expect(found > variance / 2 && found < variance * 2)
        }
        #expect(port.made == port.stored?.vector.centred())
    }

    @Test(
        arguments: modes,
        ["charge", "fix", "exact", "source", "store", "forget", "digest", "settle", "make", "publish"])
    func aStepThatFailedIsTriedAgainAndComesToTheSame(privacy: String, failing: String) throws {
        let plan = try Self.plan(privacy)
        let (port, calm) = (MemoryPort(plan), MemoryPort(plan))
        port.fails = failing
        var (completion, undisturbed) = (RoundCompletion<MemoryPort>(plan), RoundCompletion<MemoryPort>(plan))
        let events = try Self.play(&completion, plan, port)
        #expect(try Self.play(&undisturbed, plan, calm) == events)
        #expect(port.made == calm.made, "the second try releases what the first would have")
        #expect(port.publications == 1 && port.stores.count == 1)
    }

    /// After a crash: what was stored is released byte for byte, whatever the sources would give now.
    @Test(arguments: modes) func aStoredSumIsNeverDrawnAgain(privacy: String) throws {
        let plan = try Self.plan(privacy)
        let port = MemoryPort(plan)
        var completion = RoundCompletion<MemoryPort>(plan)
        for step in Self.steps(plan, round: 1).prefix(3) {
            _ = try completion.carryOut(step, charged: 1, over: port)
        }
        let stored = try #require(port.stored).vector.centred()
        port.seed += 1
        port.forbidsExact = true
        var next = RoundCompletion<MemoryPort>(plan)
        _ = try Self.play(&next, plan, port)
        #expect(port.made == stored)
    }

    @Test(arguments: modes) func nothingIsMadeOfWhatIsNotSettled(privacy: String) throws {
        let plan = try Self.plan(privacy)
        let port = MemoryPort(plan)
        let steps = Self.steps(plan, round: 1)
        for omitted in 2..<steps.count - 1 {
            var completion = RoundCompletion<MemoryPort>(plan)
            #expect(throws: StepOutOfOrder.self) {
                for (place, step) in steps.enumerated() where place != omitted {
                    _ = try completion.carryOut(step, charged: 1, over: port)
                }
            }
        }
        // Nor of the round before.
        var completion = RoundCompletion<MemoryPort>(plan)
        _ = try Self.play(&completion, plan, port)
        #expect(throws: StepOutOfOrder.self) {
            try completion.carryOut(.requireSettlement(round: 2, survivors: 3), charged: 2, over: port)
        }
        #expect(throws: StepOutOfOrder.self) {
            try completion.carryOut(.requirePublication(round: 2), charged: 2, over: port)
        }
        port.beginAgain()
        _ = try completion.carryOut(.requireNoise(round: 2), charged: 2, over: port)
        #expect(throws: StepOutOfOrder.self) {
            try completion.carryOut(.requirePublication(round: 2), charged: 2, over: port)
        }
        #expect(port.publications == 1)
    }

    @Test func aRoundWithoutASumIsLost() throws {
        let plan = try Self.plan(Self.modes[5])
        let port = MemoryPort(plan)
        port.loss = RoundLoss("too few")
        var completion = RoundCompletion<MemoryPort>(plan)
        let event = try completion.carryOut(.requireSum(round: 1, survivors: [1]), charged: 1, over: port)
        #expect(event == .failed("too few"))
        #expect(try completion.carryOut(.finished(.stopped), charged: 1, over: port) == nil)
    }

    /// A tree of rounds is charged with its first; its later rounds settle at no cost of their own. So are all of a matrix.
    @Test(arguments: [3, 4]) func noiseOverRoundsIsSettledOnce(mode: Int) throws {
        let plan = try Self.plan(Self.modes[mode])
        let leaves = try #require(plan.privacy?.roundsPerEvent)
        var completion = RoundCompletion<MemoryPort>(plan)
        let port = MemoryPort(plan)
        var released = 0
        let rounds = mode == 3 ? leaves + 1 : leaves
        for round in 1...rounds {
            completion.reset()
            port.beginAgain()
            _ = try Self.play(&completion, plan, port, charge: round)
            released += try #require(port.settled).released.count
        }
        #expect(released == (mode == 3 ? 2 : 1))
    }
}

private struct Breakdown: Error {}

private final class MemoryPort: RoundCompletionPort {
    private let plan: TaskPlan
    let exact: RingVector
    private(set) var calls: [String] = []
    private(set) var stores: [NoisedSum] = []
    private(set) var stored: (vector: RingVector, weight: Int)?
    private(set) var charged: RoundCosts?
    private(set) var settled: RoundCosts?
    private(set) var made: [Int64] = []
    private(set) var publications = 0
    var seed: UInt64 = 1
    /// The step whose first call throws.
    var fails: String?
    var forbidsExact = false
    var loss: RoundLoss?

    init(_ plan: TaskPlan) {
        self.plan = plan
        var sum = RingVector(zeros: plan.report.count, bits: plan.codec.bits)
        let values = (0..<plan.report.count).map { Int64($0 % 11) - 5 }
        values.withUnsafeBufferPointer { sum.add(integers: $0) }
        exact = sum
    }

    func beginAgain() { (stored, calls) = (nil, []) }

    private func call(_ step: String, _ detail: Int? = nil) throws {
        if fails == step {
            fails = nil
            throw Breakdown()
        }
        calls.append(step + (detail.map { " \($0)" } ?? ""))
    }

    func fix(survivors: [Int], round: Int) throws {
        if let loss { throw loss }
        try call("fix")
    }

    func exactSum(round: Int) throws -> ExactSum {
        #expect(!forbidsExact)
        try call("exact")
        return ExactSum(vector: exact, weight: 3, members: 4, survivors: 3)
    }

    func noiseSources(round: Int, charge: Int) throws -> SeededSources {
        if fails == "source" {
            fails = nil
            throw Breakdown()
        }
        return SeededSources(seed: seed)
    }

    func storedSum(round: Int) throws -> (vector: RingVector, weight: Int)? {
        if !calls.contains("stored?") { calls.append("stored?") }
        return stored
    }

    func store(_ sum: NoisedSum, round: Int) throws {
        try call("store")
        stores.append(sum)
        stored = (sum.vector, sum.weight)
    }

    func forgetReports(round: Int) throws {
        #expect(stored != nil, "reports go only when their noisy sum is stored")
        try call("forget")
    }

    func identify(_ sum: NoisedSum, round: Int) throws -> String {
        try call("digest")
        return "digest"
    }

    func charge(round: Int, charge: Int, costs: RoundCosts) throws {
        try call("charge", fails == nil ? charge : nil)
        charged = costs
    }

    func settle(round: Int, charge: Int, survivors: Int, costs: RoundCosts, digest: String) throws {
        #expect(digest == "digest")
        try call("settle", fails == nil ? charge : nil)
        settled = costs
    }

    func makeModel(of sum: NoisedSum, round: Int) throws -> Int {
        try call("make")
        made = sum.vector.centred()
        return round
    }

    func publish(_ model: Int, round: Int) throws {
        try call("publish")
        publications += 1
    }
}

private struct SeededSources: ServerNoiseSources {
    let seed: UInt64
    let history = NoiseHistory()

    func fresh() -> SeededSource { SeededSource(seed: seed, step: 0) }
    func keyed(step: Int) -> SeededSource { SeededSource(seed: seed, step: step) }
}

private struct SeededSource: NoiseSource {
    private var generator: SeededGenerator

    init(seed: UInt64, step: Int) { generator = SeededGenerator(seed: seed, purpose: .test, round: step) }

    mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) {
        for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: generator.next() >> 33) }
    }
}
