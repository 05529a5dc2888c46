import Compute
internal import Cryptography
internal import Custody
import Encoding
import Federation
import Foundation
import Privacy
import SecureAggregation
import Simulation

/// Rounds of secure aggregation: processor time of an agent and of the server, and whole simulated rounds.
enum SecureAggregationSuite {
    static func run(_ stopwatch: Stopwatch) throws -> [Figure] {
        // Rounds are long: more than five add nothing to the median but minutes.
        let rounds = min(stopwatch.repetitions, 5)
        let rates = Rates(
            keystream: try Machine.keystreamRate(stopwatch),
            agreement: try Machine.agreementSeconds(stopwatch))
        var figures: [Figure] = []
        for cohort in cohorts where stopwatch.selection.includesLarge || !cohort.isLarge {
            for isOnLattice in [false, true] {
                let names = cohort.names(isOnLattice)
                guard names.contains(where: stopwatch.selection.includes) else { continue }
                figures += try parties(
                    cohort, isOnLattice, cohort.isLarge ? 1 : rounds, rates)
            }
        }
        guard stopwatch.selection.mayInclude("secagg/round-") else { return figures }
        for (clients, inputs, goal) in [(100, 999, 0.6), (50, 9_999, nil), (1_000, 999, 60)] {
            figures += try wholeRound(clients, inputs: inputs, goal: goal, rounds, rates)
        }
        return figures
    }

    /// Bytes a second of keystream, seconds of an X25519 agreement.
    private struct Rates {
        let keystream: Double
        let agreement: Double

        func floor(masks: Int, words: Int, plan: TaskPlan, agreements: Int) -> Yardstick {
            let bytes = masks * KeystreamLanes(ringBits: plan.codec.bits).byteCount(of: words)
            return .floor(
                Double(bytes) / keystream + Double(agreements) * agreement,
                "AES-CTR bytes + X25519 operations")
        }
    }

    /// A cohort with (`inputs` + 1) × 100 parameters, of whom a tenth drops out after sharing, so that all their masks are in
    /// the sum.
    private struct Cohort {
        let clients: Int
        let inputs: Int
        /// Goals of agent and server, with masks and on a lattice.
        let goals: (masks: (Double?, Double?), lattice: (Double?, Double?))
        /// Whether a round takes gigabytes or a minute: all members' vectors are made in one process.
        var isLarge = false

        var dropped: Int { clients / 10 }

        /// The names of the agent's and the server's figure.
        func names(_ isOnLattice: Bool) -> [String] {
            let size = "\(clients)x\(100 * (inputs + 1))", scheme = isOnLattice ? "-lattice" : ""
            return ["secagg/agent-\(size)\(scheme)", "secagg/server-\(size)-\(dropped)-dropped\(scheme)"]
        }
    }

    private static let cohorts = [
        Cohort(clients: 100, inputs: 9_999, goals: ((0.25, 1), (0.35, 1))),
        Cohort(clients: 1000, inputs: 9_999, goals: ((0.35, 7), (0.35, 3)), isLarge: true),
        Cohort(clients: 100, inputs: 99_999, goals: ((0.4, nil), (nil, nil)), isLarge: true),
    ]

    private static func parties(
        _ cohort: Cohort, _ isOnLattice: Bool, _ rounds: Int, _ rates: Rates
    ) throws -> [Figure] {
        let (clients, dropped) = (cohort.clients, cohort.dropped)
        let plan = try BenchTask.dense(inputs: cohort.inputs, cohort: clients, mode: .distributed)
        var cohorts: [MaskedCohort.Cost] = []
        for round in 1...rounds {
            let cohort = try MaskedCohort(plan: plan, count: clients, round: round, isOnLattice: isOnLattice)
            cohorts.append(try cohort.run(dropped: dropped))
        }
        guard let last = cohorts.last else { return [] }
        func details(_ meters: [ProcessorMeter]) -> [(name: String, value: Double)] {
            let names = Set(meters.flatMap { $0.seconds.keys }).sorted()
            return names.map { name in
                (name + "_seconds", Stopwatch.median(of: meters.map { $0.seconds[name] ?? 0 }).seconds)
            } + [
                ("bits", Double(plan.codec.bits)), ("degree", Double(last.degree)),
                ("expansion", last.expansion),
            ]
        }
        // On a lattice a key of 2048 words is masked, and words are encrypted besides.
        let names = cohort.names(isOnLattice)
        let goals = isOnLattice ? cohort.goals.lattice : cohort.goals.masks
        let words = isOnLattice ? LatticeParameters.degree : plan.report.count
        let agent = Stopwatch.median(of: cohorts.map(\.agent.total))
        let server = Stopwatch.median(of: cohorts.map(\.server.total))
        return [
            Figure(
                name: names[0], seconds: agent.seconds, noise: agent.noise,
                unit: "round CPU",
                // Two key pairs and two agreements with every neighbour.
                rates.floor(
                    masks: last.agentMasks, words: words, plan: plan, agreements: 2 + 2 * last.degree),
                goal: goals.0, details: details(cohorts.map(\.agent))),
            Figure(
                name: names[1], seconds: server.seconds,
                noise: server.noise,
                unit: "round CPU",
                // Three to check each advertised pair of keys; one for every mask of a dropped member.
                rates.floor(
                    masks: last.serverMasks, words: words, plan: plan,
                    agreements: 3 * clients + last.serverMasks - (clients - dropped)),
                goal: goals.1, details: details(cohorts.map(\.server))),
        ]
    }

    /// A simulated round on all cores, a tenth of the clients dropping out: keys, shares, encoding, noise, masks,
    /// sum, unmasking.
    private static func wholeRound(
        _ clients: Int, inputs: Int, goal: Double?, _ rounds: Int, _ rates: Rates
    ) throws -> [Figure] {
        let threads = ProcessInfo.processInfo.activeProcessorCount
        let plan = try BenchTask.dense(inputs: inputs, cohort: clients, mode: .distributed)
        let update = BenchTask.update(count: plan.dimension)
        var (wall, processor): ([Double], [Double]) = ([], [])
        for round in 1...rounds {
            let (start, used) = (DispatchTime.now().uptimeNanoseconds, ProcessorClock.now())
            let masked = try MaskedRound(
                invited: Array(0..<clients), plan: plan, seed: 1, round: round, model: update,
                threads: threads)
            let survivors = Array(0..<clients * 9 / 10)
            let rotation = try RandomRotation(count: plan.dimension, seed: [UInt8(round)])
            let pool = WorkerPool(workers: threads) { Worker(plan: plan) }
            pool.run(count: survivors.count) { worker, client in
                worker.serve(client, update, rotation, masked, norm: plan.configuration.privacy.clippingNorm)
            }
            for worker in pool.states { if let failure = worker.failure { throw failure } }
            _ = try masked.open(survivors: survivors, threads: threads)
            wall.append(1e-9 * Double(DispatchTime.now().uptimeNanoseconds - start))
            processor.append(ProcessorClock.now() - used)
        }
        let assumptions = try SecurityAssumptions(
            dropoutRate: plan.configuration.secureAggregation.dropoutRate,
            adversarialRate: plan.configuration.secureAggregation.adversarialRate)
        let degree = try SecureAggregationParameters.compute(cohortSize: clients, assumptions: assumptions)
            .degree
        let (survivors, dropped) = (clients * 9 / 10, clients - clients * 9 / 10)
        // Members mask with themselves and all neighbours; the server removes self masks and those of the dropped.
        let removed = survivors + dropped * degree * survivors / clients
        let floor = rates.floor(
            masks: survivors * (degree + 1) + removed, words: plan.report.count, plan: plan,
            agreements: clients * (2 * degree + 5) + removed - survivors)
        let (used, elapsed) = (Stopwatch.median(of: processor), Stopwatch.median(of: wall))
        let name = "secagg/round-\(clients)x\(plan.dimension)"
        return [
            Figure(
                name: name, seconds: used.seconds, noise: used.noise, unit: "round CPU", floor,
                details: [("bits", Double(plan.codec.bits)), ("degree", Double(degree))]),
            // On a busy machine this says more about the others.
            Figure(
                name: name + "-wall", seconds: elapsed.seconds, noise: elapsed.noise, unit: "round",
                .reference(used.seconds / Double(threads), "its CPU time over \(threads) cores"),
                goal: goal),
        ]
    }

    /// One thread's encoder.
    private final class Worker {
        private let pipeline: UpdatePipeline
        private let bits: Int
        private(set) var failure: (any Error)?

        init(plan: TaskPlan) {
            pipeline = UpdatePipeline(plan: plan)
            bits = plan.codec.bits
        }

        func serve(
            _ client: Int, _ update: [Float], _ rotation: RandomRotation, _ round: MaskedRound, norm: Double
        ) {
            do {
                var rounding = SeededGenerator(seed: 1, purpose: .stochasticRounding, client: client)
                var noise = try SecureNoise()
                _ = try update.withUnsafeBufferPointer {
                    try pipeline.encode(
                        $0, examples: 60, clippingNorm: norm, rotation: rotation, rounding: &rounding,
                        noise: &noise)
                }
                try round.deliver(pipeline.report(bits: bits), from: client)
            } catch {
                failure = error
            }
        }
    }
}
