import Compute
import Configuration
import Federation
import Messages
import Testing

@testable import AggregationServer

/// Which models are evaluated, and what waits for it.
@Suite struct EvaluationDeskTests {
    /// Takes so many models and evaluates none.
    private final class Evaluator: ModelEvaluator {
        var room: Int
        private(set) var rounds: [Int] = []
        private(set) var isClosed = false

        init(room: Int) { self.room = room }

        func add(_ model: StoredModel) -> Bool {
            guard rounds.count < room else { return false }
            rounds.append(model.round)
            return true
        }

        func close() { isClosed = true }
    }

    private let folder: TemporaryFolder
    private let models: [StoredModel]

    init() throws {
        folder = try TemporaryFolder()
        let state = try StateDirectory(folder.path)
        let layout = ParameterLayout([("0.weight", [2, 3])])
        let description = ModelFile.Description(
            model: .null, inputShape: [3], loss: .null, data: .null)
        models = try (0..<7).map { round in
            let digest = try state.writeModel(
                round, head: ModelFile.head(layout, description), count: layout.count, clippingNorm: 1,
                stateNames: []
            ) { _, _, _ in }
            return try StoredModel(round, digest: digest, in: state, layout: layout)
        }
    }

    @Test func everySoManyAndTheLast() throws {
        let fixture = try DeskFixture(["task.evaluation={every:3,holdout:'none'}"])
        let evaluator = Evaluator(room: 10)
        let desk = EvaluationDesk(fixture.context, evaluator: evaluator)
        for round in 1...6 { desk.consider(models[round], published: round, isLast: round == 5) }
        #expect(evaluator.rounds == [3, 5, 6])
        desk.close()
        #expect(evaluator.isClosed)
    }

    @Test func theNextRoundWaitsForRoom() throws {
        let fixture = try DeskFixture()
        let desk = EvaluationDesk(fixture.context, evaluator: Evaluator(room: 2))
        #expect(desk.isIdle && !desk.delaysNextRound)
        desk.consider(models[1], published: 1, isLast: true)
        #expect(!desk.isIdle && !desk.delaysNextRound)
        desk.consider(models[2], published: 2, isLast: true)
        desk.consider(models[3], published: 3, isLast: true)
        #expect(desk.delaysNextRound)
        desk.noteResult()
        #expect(!desk.isIdle && !desk.delaysNextRound)
        desk.noteResult()
        #expect(desk.isIdle, "a model for which there was no room has no result")
    }

    @Test func anAccuracyThatMayEndTheRunIsWaitedFor() throws {
        let fixture = try DeskFixture(["task.evaluation={target_accuracy:0.5,holdout:'none'}"])
        let desk = EvaluationDesk(fixture.context, evaluator: Evaluator(room: 2))
        desk.consider(models[1], published: 1, isLast: true)
        #expect(desk.delaysNextRound)
        var file = DeskFixture.file(1, .published)
        #expect(!desk.reachesTarget(file))
        file.accuracy = 0.49
        #expect(!desk.reachesTarget(file))
        file.accuracy = 0.5
        #expect(desk.reachesTarget(file))
        let other = EvaluationDesk(try DeskFixture().context, evaluator: nil)
        other.consider(models[1], published: 1, isLast: true)
        #expect(other.isIdle && !other.reachesTarget(file))
    }
}
