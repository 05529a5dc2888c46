import Compute
import Configuration
import Cryptography
import Federation
import Foundation
import HTTPWire
import Learning
import Messages
import Operations
import Testing
import Transport

@testable import AggregationServer

/// A task whose model has parameters that nobody trains: their file, the way to it, and what agents are told.
@Suite struct FrozenModelTests {
    private static let adapted =
        "task.model={layers:[{dense:4},{dense:2}],adapters:{rank:1,targets:[\"0\"],train:[\"1.*\"]}}"
    private static let checkpointed =
        "task.model={layers:[{dense:4},{dense:2}],from:\"start.safetensors\",adapters:{rank:1,targets:[\"0\"]}}"
    private static let trained = "task.model={layers:[{dense:4},{dense:2}],from:\"start.safetensors\"}"

    private func get(
        _ fixture: ServerFixture, agent: Int? = 0, _ headers: HTTPHeaders = HTTPHeaders()
    ) throws -> ClientResponse {
        try fixture.client(agent).exchange(
            ClientRequest(.get, AgentProtocol.paths.frozenModel, headers: headers))
    }

    private func path(_ fixture: ServerFixture) -> String {
        "\(fixture.folder)/state/models/frozen.safetensors"
    }

    /// A checkpoint of the two layers, its values from `start` on.
    private func checkpoint(from start: Float) -> [UInt8] {
        let layout = ParameterLayout([
            ("0.weight", [4, 3]), ("0.bias", [4]), ("1.weight", [2, 4]), ("1.bias", [2]),
        ])
        let values = (0..<layout.count).map { start + Float($0) / 16 }
        return SafeTensors(tensors: ModelFile.tensors(ParameterVector(layout: layout, values: values)))
            .encoded()
    }

    /// A server whose task starts from a checkpoint beside its configuration.
    private func start(_ model: String) throws -> ServerFixture {
        try ServerFixture([model]) { folder in
            try AtomicFile.write(checkpoint(from: 0), to: "\(folder)/start.safetensors")
        }
    }

    @Test func theFileIsServedWholeInPartsAndByItsTag() throws {
        let fixture = try ServerFixture([Self.adapted])
        let setup = try fixture.setup
        let model = setup.plan.model
        let expected = try FrozenModelFile.encode(#require(model.frozen))
        let tag = "\"\(try SHA256.text(of: expected))\""
        let whole = try get(fixture)
        #expect(whole.status == 200 && whole.body == expected && whole.head.headers["etag"] == tag)
        let rest = try get(fixture, ["Range": "bytes=90-", "If-Range": tag])
        #expect(rest.status == 206 && rest.body == Array(expected[90...]))
        #expect(rest.head.headers["content-range"] == "bytes 90-\(expected.count - 1)/\(expected.count)")
        let other = try get(fixture, ["Range": "bytes=90-", "If-Range": "\"other\""])
        #expect(other.status == 200 && other.body == expected)
        #expect(try get(fixture, ["If-None-Match": tag]).status == 304)
        #expect(try get(fixture, ["Range": "bytes=\(expected.count)-"]).status == 416)
        #expect(throws: ClientError.self) { try get(fixture, agent: nil) }
        let post = try fixture.client(0).exchange(ClientRequest(.post, AgentProtocol.paths.frozenModel))
        #expect(post.status == 405)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path(fixture))) == Data(expected))
    }

    @Test func whereNothingIsFrozenItSaysSo() throws {
        let answer = try get(ServerFixture())
        #expect(answer.status == 404)
        #expect(
            try ErrorAnswer(decoding: answer.body).detail.contains("nothing of this task's model is frozen"))
    }

    private static let sixteenths: [Float] = (0..<26).map { Float($0) / 16 }

    @Test func agentsAreToldOfTheFileAndNotOfTheCheckpoint() throws {
        let fixture = try start(Self.checkpointed)
        let response = try fixture.client(0).exchange(ClientRequest(.get, AgentProtocol.paths.task))
        let offer = try TaskOffer(decoding: response.body)
        let section = try Section(JSONValue(json5: offer.task.utf8, source: "task"), path: "task")
        let told = try TaskConfiguration(section).model
        let file = try get(fixture).body
        let digest = FrozenDigest(sha256: try SHA256.text(of: file), bytes: file.count)
        #expect(told.from == nil && told.frozenFile == digest)
        #expect(told.adapters?.rank == 1)
        // What is frozen came from the checkpoint, and the published model says where its other half is.
        let frozen = try file.withUnsafeBytes { try SafeTensors(decoding: $0) }
        #expect(frozen.tensors.map(\.name) == ["0.weight", "0.bias", "1.weight", "1.bias"])
        #expect(frozen.tensors.flatMap(\.values) == Self.sixteenths)
        let bytes = try #require(try fixture.state.readModel(0))
        let published = try bytes.withUnsafeBytes { try SafeTensors(decoding: $0) }
        let description = try ModelFile.description(published, path: "m")
        #expect(try ModelSpec(description.model, path: "m") == told)
        #expect(published.tensors.map(\.name) == ["0.lora_A.weight", "0.lora_B.weight"])
    }

    /// A model without either is told as it was written, so that a run of an earlier version goes on.
    @Test func aModelThatIsTrainedWholeIsToldAsItWasWritten() throws {
        let setup = try ServerFixture().setup
        #expect(setup.taskText.contains(#""model":{"layers":[{"dense":2}]}"#), "\(setup.taskText)")
    }

    @Test func aTrainedCheckpointIsTheInitialModel() throws {
        let fixture = try start(Self.trained)
        let bytes = try #require(try fixture.state.readModel(0))
        let published = try bytes.withUnsafeBytes { try SafeTensors(decoding: $0) }
        #expect(published.tensors.flatMap(\.values) == Self.sixteenths)
        #expect(try get(fixture).status == 404)
    }

    @Test(arguments: [checkpointed, trained]) func anotherCheckpointIsAnotherTask(model: String) throws {
        let fixture = try start(model)
        fixture.stop()
        try fixture.start()
        fixture.stop()
        try AtomicFile.write(checkpoint(from: 1), to: "\(fixture.folder)/start.safetensors")
        let failure = #expect(throws: Failure.self) { try fixture.start() }
        #expect(failure?.exitCode == .invalidInput)
        #expect(failure?.message.contains("another task, checkpoint, seed or population") == true)
    }

    @Test func aDamagedFileIsRefusedAndAMissingOneWrittenAnew() throws {
        let fixture = try ServerFixture([Self.adapted])
        let path = path(fixture)
        let good = try Data(contentsOf: URL(fileURLWithPath: path))
        fixture.stop()
        var flipped = good
        flipped[good.count - 1] ^= 1
        for damaged in [Data(), Data(good.dropLast()), good + [0], flipped] {
            try damaged.write(to: URL(fileURLWithPath: path))
            let failure = #expect(throws: Failure.self) { try fixture.start() }
            #expect(failure?.exitCode == .storage && failure?.message.contains(path) == true)
            #expect(failure?.message.contains(where: \.isNewline) == false)
        }
        try FileManager.default.removeItem(atPath: path)
        try fixture.start()
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == good)
        #expect(try get(fixture).body == Array(good))
    }

    @Test func aTaskMayNotStateTheFileItself() {
        let stated = "frozen:{sha256:\"\(String(repeating: "0", count: 64))\",bytes:100}"
        let error = #expect(throws: ConfigurationError.self) {
            try ServerFixture([
                "task.model={layers:[{dense:2}],freeze:[\"0.bias\"],\(stated)}"
            ])
        }
        #expect(error?.path == "task.model.frozen")
    }
}
