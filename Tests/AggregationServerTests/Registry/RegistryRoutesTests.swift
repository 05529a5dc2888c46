import Cryptography
import Custody
import Foundation
import HTTPWire
import Ledger
import Operations
import TestSupport
import Testing
import Transport

@testable import AggregationServer

@Suite struct RegistryRoutesTests {
    /// A server whose registry has two versions of a task `t`, the second of a run that rita submitted.
    private func served() throws -> ServerFixture {
        let fixture = try ServerFixture()
        fixture.stop()
        let state = try fixture.state
        let key = try #require(try state.signingKey.read())
        let registry = try ModelRegistry(state.path, key: key) { _, round in state.modelPath(round) }
        for round in 1...2 {
            let model = Array("model \(round)".utf8)
            try AtomicFile.write(model, to: state.modelPath(round))
            _ = try registry.note(
                ModelRegistry.Publication(
                    task: "t", run: "run-\(round)", round: round, submitter: round == 2 ? "rita" : nil,
                    modelDigest: SHA256.text(of: model)))
            // The run has no such rounds, and a start would refuse their files.
            try AtomicFile.remove(state.modelPath(round))
        }
        try fixture.start()
        for round in 1...2 { try AtomicFile.write(Array("model \(round)".utf8), to: state.modelPath(round)) }
        return fixture
    }

    private func post(
        _ fixture: ServerFixture, _ path: String, _ query: [(String, String)], _ token: String?
    ) throws -> ClientResponse {
        var headers = HTTPHeaders()
        if let token { headers["Authorization"] = "Bearer \(token)" }
        return try fixture.client(nil, port: fixture.server?.adminPort).exchange(
            ClientRequest(.post, path, query: query, headers: headers, body: .bytes([])))
    }

    @Test func anOperatorMovesLabelsAndAgentsFollow() throws {
        let fixture = try served()
        let otto = ServerFixture.operatorToken
        let agent = try fixture.client(0)
        func label() throws -> ClientResponse {
            try agent.exchange(ClientRequest(.get, "/v1/labels/t/production"))
        }
        #expect(try label().status == 404)
        let promotion = [("version", "1"), ("label", "production")]
        for token in [
            nil, ServerFixture.viewerToken, ServerFixture.researcherToken, ServerFixture.auditorToken,
        ] {
            let status = try post(fixture, "/api/registry/t/promote", promotion, token).status
            #expect(status == (token == nil ? 401 : 403))
            #expect(
                try post(fixture, "/api/registry/t/rollback", [("label", "production")], token).status
                    == status)
        }
        #expect(try label().status == 404)
        #expect(try post(fixture, "/api/registry/t/promote", promotion, otto).status == 200)
        for version in ["1", "2"] {
            #expect(
                try post(
                    fixture, "/api/registry/t/promote", [("version", version), ("label", "production")], otto
                ).status == 200)
            let members = try JSONSerialization.jsonObject(with: Data(label().body)) as? [String: Any]
            let key = try #require(members?["public_key"] as? String)
            let versionLine = try #require(members?["version_line"] as? String)
            let labelLine = try #require(members?["label_line"] as? String)
            let model = try #require(
                LabelledModel(versionLine: versionLine, labelLine: labelLine, publicKey: key))
            #expect(model.version.version == Int(version))
            #expect(members?["sha256"] as? String == model.version.modelDigest)
            let file = try agent.exchange(ClientRequest(.get, "/v1/labels/t/production/model"))
            #expect(file.status == 200 && file.body == Array("model \(version)".utf8))
            #expect(file.head.headers["etag"] == "\"\(model.version.modelDigest)\"")
        }
        #expect(
            try post(fixture, "/api/registry/t/rollback", [("label", "production")], otto).status == 200)
        let back = try agent.exchange(ClientRequest(.get, "/v1/labels/t/production/model"))
        #expect(back.body == Array("model 1".utf8))
        // The same order again finds nothing before: replayed, it does nothing.
        #expect(
            try post(fixture, "/api/registry/t/rollback", [("label", "production")], otto).status == 409)
        // Whoever has no agent's certificate is told nothing.
        #expect(throws: (any Error).self) {
            try fixture.client(nil).exchange(ClientRequest(.get, "/v1/labels/t/production"))
        }
        fixture.stop()
        let log = try AuditReading("\(fixture.folder)/state").text(1...Int.max)
        #expect(log.contains("registry promote") && log.contains("t?version=2&label=production"))
    }

    private static let malformed: [(String, [(String, String)], Int)] = [
        ("t/promote", [("version", "1")], 400), ("t/promote", [("label", "a")], 400),
        ("t/promote", [("version", "x"), ("label", "a")], 400),
        ("t/promote", [("version", "1"), ("label", "a b")], 400),
        ("t/promote", [("version", "0"), ("label", "a")], 404),
        ("t/promote", [("version", "3"), ("label", "a")], 404),
        ("u/promote", [("version", "1"), ("label", "a")], 404),
        ("t/rollback", [("label", "a")], 409), ("t/rollback", [("label", "a"), ("version", "1")], 400),
        ("t/rollback", [], 400),
    ]

    @Test func ordersThatMakeNoSenseMoveNothing() throws {
        let fixture = try served()
        for (path, query, status) in Self.malformed {
            let answer = try post(fixture, "/api/registry/\(path)", query, ServerFixture.operatorToken)
            #expect(answer.status == status, "\(path) \(query)")
        }
        let answer = try fixture.admin(.get, "/api/registry", token: ServerFixture.viewerToken)
        #expect(String(decoding: answer.body, as: UTF8.self).contains("\"labels\":{}"))
    }

    /// A researcher has the models of runs submitted under the same name, and no others.
    @Test func aResearcherSeesOwnVersions() throws {
        let fixture = try served()
        let rita = ServerFixture.researcherToken
        _ = try post(
            fixture, "/api/registry/t/promote", [("version", "1"), ("label", "production")],
            ServerFixture.operatorToken)
        let list = String(
            decoding: try fixture.admin(.get, "/api/registry", token: rita).body, as: UTF8.self)
        #expect(list.contains("run-2") && !list.contains("run-1") && list.contains("\"labels\":{}"))
        let own = try fixture.admin(.get, "/api/registry/t/models/2", token: rita)
        #expect(own.status == 200 && own.body == Array("model 2".utf8))
        #expect(try fixture.admin(.get, "/api/registry/t/models/1", token: rita).status == 404)
        #expect(try fixture.admin(.get, "/api/registry/t/labels/production", token: rita).status == 404)
        let viewer = ServerFixture.viewerToken
        #expect(try fixture.admin(.get, "/api/registry/t/models/1", token: viewer).status == 200)
        #expect(try fixture.admin(.get, "/api/registry/t/labels/production", token: viewer).status == 200)
    }
}
