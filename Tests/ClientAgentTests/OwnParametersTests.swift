import Compute
import Cryptography
import Datasets
import Federation
import Foundation
import Learning
import Messages
import Privacy
import Synchronization
import Testing

@testable import ClientAgent

/// An agent that keeps parameters, or a model, of its own: never sent, and its own to use.
@Suite("What an agent keeps for itself") struct OwnParametersTests {
    private struct Unasked: Error {}
    private struct NoSource: NoiseSource {
        mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws { throw Unasked() }
    }

    private static let kinds = [
        (
            #"{ preset: "mlp", hidden: [8], classes: 3, local: ["2.*"] }"#,
            #"{ name: "fedrep", head_epochs: 2 }"#
        ),
        (TestTask.mlp, #"{ name: "ditto", lambda: 0.2 }"#),
    ]

    /// Two processes, one after the other, send what one client's training yields, and what they keep is its model.
    @Test("Rounds are the simulator's, and the file is the agent's own model", arguments: kinds)
    func equalsSimulation(model: String, strategy: String) throws {
        let authority = try TestAuthority()
        let federation = try TestFederation(authority)
        defer { federation.shutdown() }
        let task = try TestTask(model: model, strategy: strategy, folder: authority.folder)
        federation.state.withLock { $0.models[0] = task.file }
        let (work, memory) = (ClientTraining(plan: task.plan), ClientMemory(task.plan.clientMemory))
        let indices = Array(0..<Int32(task.dataset.train.count))
        let published = task.initial.values
        for rounds in [[2, 3], [4]] {
            let runner = try TestAgent(federation).runner()
            for round in rounds {
                #expect(try runner.serve(task.message(round: round)) == .delivered)
                let wanted = try indices.withUnsafeBufferPointer { indices in
                    try published.withUnsafeBufferPointer { model in
                        Array(
                            try work.update(
                                of: model, on: task.dataset.train, indices: indices,
                                stream: TrainingStream(seed: task.seed, client: 4, round: round),
                                context: ClientContext(memory: memory)
                            ) { () throws -> NoSource in throw Unasked() }.delta)
                    }
                }
                let body = try #require(federation.state.withLock { $0.updates[round]?.first })
                let sent = body[UpdateHeader.byteCount...].withUnsafeBytes { bytes in
                    (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
                }
                #expect(sent == wanted && sent.count == task.plan.model.layout.count)
            }
        }
        let file = authority.path("state/memory/\(TestFederation.run).kept")
        let bytes = [UInt8](try #require(FileManager.default.contents(atPath: file)))
        let own = try #require(OwnModel(task.plan, seed: task.seed)).personal(published, memory: memory)
        #expect(
            try OwnModel.personal(task.plan.model, published: published, file: bytes, path: file) == own)
        #expect(own.count == task.plan.model.trainedCount && own != published)
        // Another task's model, and every cut of the file, are refused in a line.
        let other = try TestTask(
            model: #"{ preset: "mlp", hidden: [9], classes: 3, local: ["2.*"] }"#, folder: authority.folder)
        for count in [0, 60, 66, 100, bytes.count - 1] {
            #expect(throws: (any Error).self) {
                try OwnModel.personal(
                    task.plan.model, published: published, file: Array(bytes[..<count]), path: file)
            }
        }
        #expect(throws: (any Error).self) {
            try OwnModel.personal(
                other.plan.model, published: other.initial.values, file: bytes, path: file)
        }
    }

    /// A file whose digest is right and whose words are not.
    @Test(
        "Forged files",
        arguments: [
            "", "\n", "sordino-memory 1 r local_parameters:1 1", "sordino-memory 1 r local_parameters:27 1\n",
            "sordino-memory 1 r local_parameters:-1 1\n",
            "sordino-memory 1 r local_parameters:9999999999999999999 1\n",
            "sordino-memory 1 r local_parameters:1099511627776,a:1099511627776 1\n",
            "sordino-memory 1 r : 1\n", "sordino-memory 1 r local_parameters:0 x\n",
            "sordino-memory x r a:0 1\n",
            "sordino-memory 1 r has_own:0,local_parameters:27 1\n",
        ])
    func forged(text: String) throws {
        let digest = try SHA256.text(of: Array(text.utf8))
        #expect(throws: KeptMemory.Problem.foreign) { try KeptMemory(Array("\(digest)\n\(text)".utf8)) }
    }
}
