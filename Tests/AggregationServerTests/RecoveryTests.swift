import Configuration
import Encoding
import Federation
import Foundation
import HTTPWire
import Learning
import Messages
import Operations
import SecureAggregation
import Testing
import Transport

@testable import AggregationServer

/// Ends a server at every step of a round and starts it again on the same folder. Everything that counts is on
/// disk before it is answered, so that an orderly end keeps no more than SIGKILL would.
@Suite struct RecoveryTests {
    /// A file that cannot be written because a folder stands in its place: the step that writes it fails.
    enum Obstacle: String, CaseIterable {
        case closing = "rounds/000001.json"
        case noise = "spool/000001.noisy-sum"
        case memory = "models/000001.memory"
        case model = "models/000001.safetensors"
        case latest = "models/latest.safetensors"
        case books = "run.json"
    }

    @Test func keepsAcceptedReportsOfAnOpenRound() throws {
        let fixture = try ServerFixture(["task.rounds=1"])
        var agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        let plans = try agents.map { try $0.plan() }
        let bodies = try zip(agents, plans).map { try $0.body($1) }
        for index in 0..<2 {
            #expect(try agents[index].send(bodies[index], round: 1).status == 202)
            fixture.stop()
            try fixture.start()
            agents = try (0..<3).map { try TestAgent($0, fixture) }
            #expect(try agents[index].send(bodies[index], round: 1).status == 200)
            let again = try agents[2].plan()
            #expect(again == plans[2].withDeadline(of: again))
        }
        #expect(try agents[2].send(bodies[2], round: 1).status == 202)
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
        #expect(try fixture.state.readModel(1) == RoundTests.expected(fixture, rounds: [plans]))
    }

    /// The optimiser state goes from file to file, and steps are numbered on, over restarts too.
    @Test(arguments: ["{server_momentum:0.9}", "{name:\"fedadam\"}"])
    func theOptimiserStateSurvivesARestart(strategy: String) throws {
        let fixture = try ServerFixture(["task.rounds=3", "task.strategy=\(strategy)"])
        var rounds: [[RoundOffer]] = []
        for round in 1...3 {
            let agents = try (0..<3).map { try TestAgent($0, fixture) }
            for agent in agents where round == 1 { _ = try agent.checkIn() }
            let plans = try agents.map { try $0.plan() }
            for (agent, plan) in zip(agents, plans) {
                #expect(try agent.send(agent.body(plan), round: round).status == 202)
            }
            rounds.append(plans)
            #expect(try fixture.eventually { try fixture.state.run()?.round == round })
            #expect(try fixture.state.readModel(round) == RoundTests.expected(fixture, rounds: rounds))
            fixture.stop()
            try fixture.start()
        }
    }

    @Test func aStateDirectoryHasOneServer() throws {
        let fixture = try ServerFixture()
        #expect(throws: Failure.self) { try AggregationServer(fixture.setup, log: Logger(level: .error)) }
        fixture.stop()
        try fixture.start()
        #expect(try TestAgent(0, fixture).checkIn().status == 204)
    }

    @Test func federatedEvaluationIsRefused() throws {
        // Its counts would leave clients outside the mechanism and the ledger.
        #expect(throws: ConfigurationError.self) {
            try ServerFixture(["task.evaluation.holdout=federated"])
        }
    }

    @Test func reportsThatCannotBeKeptComeAgain() throws {
        let fixture = try ServerFixture(["task.rounds=1"])
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        let plans = try agents.map { try $0.plan() }
        let spool = "\(fixture.folder)/state/spool"
        try FileManager.default.removeItem(atPath: spool)
        let refusal = try agents[0].send(agents[0].body(plans[0]), round: 1)
        #expect(refusal.status == 503)
        #expect(refusal.head.headers["retry-after"] != nil)
        #expect(try fixture.eventually { try fixture.admin(.get, "/healthz").status == 503 })
        try FileManager.default.createDirectory(atPath: spool, withIntermediateDirectories: false)
        for (agent, plan) in zip(agents, plans) {
            #expect(try agent.send(agent.body(plan), round: 1).status == 202)
        }
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
        #expect(try fixture.state.readModel(1) == RoundTests.expected(fixture, rounds: [plans]))
        #expect(try fixture.admin(.get, "/healthz").status == 200)
    }

    @Test(arguments: Obstacle.allCases, [false, true])
    func goesOnFromEveryStepOfARelease(_ obstacle: Obstacle, isPrivate: Bool) throws {
        let privacy = "task.privacy={mode:\"central\",clipping_norm:1,noise_multiplier:1}"
        let fixture = try ServerFixture(["task.rounds=1"] + (isPrivate ? [privacy] : []))
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        let plans = try agents.map { try $0.plan() }
        let path = "\(fixture.folder)/state/\(obstacle.rawValue)"
        let before = FileManager.default.contents(atPath: path)
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        for (agent, plan) in zip(agents, plans) {
            #expect(try agent.send(agent.body(plan, weight: isPrivate ? 1 : 5), round: 1).status == 202)
        }
        #expect(try fixture.eventually { try fixture.admin(.get, "/healthz").status == 503 })
        fixture.stop()
        try FileManager.default.removeItem(atPath: path)
        if let before { try AtomicFile.write(Array(before), to: path, mode: 0o600) }
        let setup = try fixture.setup
        let noisy = try fixture.state.noisySum(
            1, count: setup.plan.report.count, bits: setup.plan.codec.bits)
        let released = try fixture.state.readModel(1)
        try fixture.start()
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
        let run = try #require(try fixture.state.run())
        #expect(run.published == 1 && run.charged == 1)
        let model = try fixture.state.readModel(1)
        if let released { #expect(model == released) }
        if let noisy {
            var expected = try GlobalModel(
                parameters: setup.plan.model.initialParameters(seed: 7), plan: setup.plan)
            expected.apply(noisySum: noisy.sum, weight: noisy.weight)
            #expect(model == setup.modelFile(expected.parameters, round: 1))
        }
        if !isPrivate { #expect(try model == RoundTests.expected(fixture, rounds: [plans])) }
        let lines = try String(contentsOfFile: fixture.state.ledger, encoding: .utf8)
        for kind in ["charge", "settle", "release"] {
            #expect(lines.components(separatedBy: "\"kind\":\"\(kind)\"").count == 2, "one \(kind) line")
        }
    }
}

extension RoundOffer {
    /// The same plan with another's time left.
    fileprivate func withDeadline(of other: RoundOffer) -> RoundOffer {
        var copy = self
        copy.deadlineSeconds = other.deadlineSeconds
        // The ledger's first line is in the books of the start after.
        copy.ledger = other.ledger
        return copy
    }
}
