import Configuration
import Cryptography
import Foundation
import HTTPWire
import Messages
import Operations
import TestSupport
import Transport

@testable import AggregationServer

/// A server that takes tasks in, on loopback with a state folder of its own; it can be ended and started again.
final class ServiceFixture {
    let authority: TestAuthority
    let folder: String
    private(set) var server: AggregationServer?
    let logged = Logged()
    private let file: String

    static let tokens = ["vera": "viewer", "rosa": "researcher", "rudi": "researcher", "otto": "operator"]

    /// `runs`: further keys of `server.runs`.
    init(runs: String = "") throws {
        authority = try TestAuthority.shared.get()
        folder = authority.path("service-\(UUID().uuidString)")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let entries = try Self.tokens.map { name, role in
            "{ name: \"\(name)\", role: \"\(role)\", sha256: \"\(try SHA256.text(of: Array(Self.token(name).utf8)))\" }"
        }
        try AtomicFile.write(
            "{ tokens: [ \(entries.joined(separator: ", ")) ] }", to: "\(folder)/tokens.json5", mode: 0o600)
        let text = """
            { server: {
                listen: "127.0.0.1:0", admin: "127.0.0.1:0", state_directory: "state", population: 4, gather: "2s", linger: "50ms",
                admin_tokens: "tokens.json5", loops: 1, runs: { \(runs.contains("at_once") ? "" : "at_once: 1,") modes: ["none", "central"], \(runs) },
                tls: { certificate: "\(authority.path("server.crt"))", key: "\(authority.path("server.key"))",
                       ca: "\(authority.path("authority.crt"))" } } }
            """
        file = "\(folder)/server.json5"
        try AtomicFile.write(text, to: file)
        try start()
    }

    deinit { stop() }

    static func token(_ name: String) -> String { "\(name)-token-0123456789abcdef" }

    func start() throws {
        let console = Console(isTerminal: false) { [logged] in logged.append($0) }
        server = try AggregationServer(
            ServiceConfiguration(ConfigurationDocument(contentsOf: file)),
            log: Logger(level: .debug, format: .json, console: console))
    }

    func stop() {
        _ = server?.shutDown(withinMilliseconds: 200)
        server = nil
    }

    /// A submission of a linear model for three agents; `changes` are `path=value` overrides.
    static func submission(_ name: String, _ changes: [String] = []) throws -> [UInt8] {
        let text = """
            { task: {
                name: "\(name)", model: { layers: [ { dense: 2 } ] }, training: { learning_rate: 0.1, loss: "mse" },
                rounds: 1, cohort_size: 3, min_reports: 2, report_deadline: "60s", privacy: { mode: "none" },
                evaluation: { holdout: "none" } },
              run: { seed: 7, input_shape: [3], preprocessing: { kind: "images", classes: [] } } }
            """
        var document = ConfigurationDocument(
            root: try JSONValue(json5: text.utf8, source: "test"), file: "test")
        for change in changes { try document.set(change) }
        return Array(document.root.text().utf8)
    }

    /// The identity of a run by a letter.
    static func identity(_ letter: Character) -> String { String(repeating: letter, count: 32) }

    func client(_ name: String?, port: UInt16? = nil) throws -> HTTPClient {
        let credentials = name.map {
            TLSCredentials(certificate: authority.path("\($0).crt"), key: authority.path("\($0).key"))
        }
        let tls = try TLSContext(
            client: TLSClientConfiguration(
                credentials: credentials, trust: .authority(path: authority.path("authority.crt"))))
        let endpoint = SocketEndpoint(host: "127.0.0.1", port: port ?? server?.port ?? 0)
        return try HTTPClient(HTTPClientConfiguration(server: endpoint, tls: tls))
    }

    /// Calls the admin listener in somebody's name.
    func admin(
        _ method: HTTPMethod, _ path: String, query: [(String, String)] = [], as name: String,
        body: [UInt8] = []
    ) throws
        -> ClientResponse
    {
        let request = ClientRequest(
            method, path, query: query, headers: ["Authorization": "Bearer \(Self.token(name))"],
            body: method == .post ? .bytes(body) : .empty)
        return try client(nil, port: server?.adminPort).exchange(request)
    }

    /// Submits a run in somebody's name.
    func submit(
        _ letter: Character, _ name: String, as person: String = "otto", _ changes: [String] = []
    ) throws -> ClientResponse {
        try admin(
            .post, "/api/runs/\(Self.identity(letter))", as: person, body: Self.submission(name, changes))
    }

    /// The state of a run, as an operator sees it.
    func state(_ letter: Character) throws -> String {
        let response = try admin(.get, "/api/runs/\(Self.identity(letter))", as: "otto")
        let object = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
        return object?["state"] as? String ?? "\(response.status)"
    }

    /// Polls until the run is in a state; false after ten seconds.
    func reaches(_ letter: Character, _ word: String) throws -> Bool {
        try TestSupport.eventually(within: 10, every: 20) { try state(letter) == word }
    }
}
