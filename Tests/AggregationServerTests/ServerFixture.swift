import Compute
import Configuration
import Cryptography
import Encoding
import Federation
import Foundation
import HTTPWire
import Messages
import Operations
import Synchronization
import TestSupport
import Transport

@testable import AggregationServer

/// A server on loopback with a state folder of its own, which can be ended and started again.
final class ServerFixture {
    let authority: TestAuthority
    let folder: String
    private(set) var server: AggregationServer?
    private let document: ConfigurationDocument
    private let stallPauses: StallPauses

    static let viewerToken = "viewer-token-0123456789abcdef"
    static let operatorToken = "operator-token-0123456789abcdef"
    static let researcherToken = "researcher-token-0123456789abcdef"
    static let auditorToken = "auditor-token-0123456789abcdef"

    /// A task of a linear model with `parameters` weights and biases; `changes` are `path=value` overrides. `prepare` is
    /// given the configuration's folder before the server starts.
    init(
        _ changes: [String] = [], stallPauses: StallPauses = StallPauses(),
        prepare: (String) throws -> Void = { _ in }
    ) throws {
        self.stallPauses = stallPauses
        authority = try TestAuthority.shared.get()
        folder = authority.path("run-\(UUID().uuidString)")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let hash = { (token: String) in try SHA256.text(of: Array(token.utf8)) }
        let tokens = """
            { tokens: [ { name: "vera", role: "viewer", sha256: "\(try hash(Self.viewerToken))" },
                        { name: "rita", role: "researcher", sha256: "\(try hash(Self.researcherToken))" },
                        { name: "adam", role: "auditor", sha256: "\(try hash(Self.auditorToken))" },
                        { name: "otto", role: "operator", sha256: "\(try hash(Self.operatorToken))" } ] }
            """
        try AtomicFile.write(tokens, to: "\(folder)/tokens.json5", mode: 0o600)
        let text = """
            { task: {
                name: "test", model: { layers: [ { dense: 2 } ] },
                training: { learning_rate: 0.1, loss: "mse" },
                rounds: 2, cohort_size: 3, min_reports: 2, report_deadline: "60s",
                privacy: { mode: "none" }, evaluation: { holdout: "none" } },
              server: {
                listen: "127.0.0.1:0", admin: "127.0.0.1:0", state_directory: "state", population: 4, seed: 7,
                input_shape: [3], preprocessing: { kind: "images", classes: [] }, gather: "2s", admin_tokens: "tokens.json5", loops: 1,
                tls: { certificate: "\(authority.path("server.crt"))", key: "\(authority.path("server.key"))",
                       ca: "\(authority.path("authority.crt"))" } } }
            """
        let file = "\(folder)/server.json5"
        try AtomicFile.write(text, to: file)
        var document = try ConfigurationDocument(contentsOf: file)
        for change in changes { try document.set(change) }
        self.document = document
        try prepare(folder)
        try start()
    }

    deinit { stop() }

    /// The server's configuration with further changes.
    func configuration(_ changes: [String]) throws -> ServerConfiguration {
        var document = document
        for change in changes { try document.set(change) }
        return try ServerConfiguration(document)
    }

    var setup: ServerSetup {
        get throws {
            var configuration = try ServerConfiguration(document)
            configuration.stallPauses = stallPauses
            return try ServerSetup(configuration)
        }
    }
    var state: StateDirectory { get throws { try StateDirectory("\(folder)/state") } }

    /// Clients whose reports of a round are on disk, ascending.
    func keptReports(_ round: Int) throws -> [Int] {
        let spool = Spool(try state)
        let journal = ReportJournal(folder: spool.path)
        let run = try state.run()?.run ?? ""
        return try (spool.clients(round: round) + journal.records(run: run, round: round).keys).sorted()
    }

    /// Everything that the server logged, at every level, as JSON lines.
    let logged = Logged()

    func start() throws {
        let console = Console(isTerminal: false) { [logged] in logged.append($0) }
        server = try AggregationServer(setup, log: Logger(level: .debug, format: .json, console: console))
    }

    func stop() { _ = end() }

    /// Ends the server, and says how the run stood; nil where none was there.
    func end() -> RunEnd? {
        defer { server = nil }
        return server?.shutDown(withinMilliseconds: 200)
    }

    /// A client with the certificate of an agent; nil for none.
    func client(_ agent: Int?, port: UInt16? = nil) throws -> HTTPClient {
        try client(named: agent.map { "agent-\($0)" }, port: port)
    }

    /// A client with a certificate of the authority by its file's name; nil for none.
    func client(named name: String?, port: UInt16? = nil) throws -> HTTPClient {
        let credentials = name.map {
            TLSCredentials(certificate: authority.path("\($0).crt"), key: authority.path("\($0).key"))
        }
        let tls = try TLSContext(
            client: TLSClientConfiguration(
                credentials: credentials, trust: .authority(path: authority.path("authority.crt"))))
        let endpoint = SocketEndpoint(host: "127.0.0.1", port: port ?? server?.port ?? 0)
        return try HTTPClient(HTTPClientConfiguration(server: endpoint, tls: tls))
    }

    /// Calls the admin listener.
    func admin(
        _ method: HTTPMethod, _ path: String, token: String? = nil, headers: HTTPHeaders = HTTPHeaders(),
        body: [UInt8] = []
    ) throws -> ClientResponse {
        var headers = headers
        if let token { headers["Authorization"] = "Bearer \(token)" }
        let request = ClientRequest(
            method, path, headers: headers, body: method == .post ? .bytes(body) : .empty)
        return try client(nil, port: server?.adminPort).exchange(request)
    }

    /// Polls until the condition holds; false after ten seconds.
    func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
        try TestSupport.eventually(within: 10, every: 10, condition)
    }
}

/// Text that grows from many threads.
final class Logged: Sendable {
    private let text = Mutex("")
    func append(_ more: String) { text.withLock { $0 += more } }

    /// The lines so far, read.
    func lines() throws -> [[String: Any]] {
        try text.withLock { $0 }.split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
            guard let fields = object as? [String: Any] else { throw MessageError("not an object: \(line)") }
            return fields
        }
    }

    var whole: String { text.withLock { $0 } }
}

/// An agent by hand: sends what the test wants.
struct TestAgent {
    let index: Int
    let client: HTTPClient

    init(_ index: Int, _ fixture: ServerFixture) throws {
        self.index = index
        client = try fixture.client(index)
    }

    func checkIn(_ request: CheckInRequest = CheckInRequest(software: "test", waitSeconds: 0)) throws
        -> ClientResponse
    {
        try client.exchange(
            ClientRequest(.post, AgentProtocol.checkInPath, body: .bytes(request.encoded())))
    }

    /// Checks in until there is work.
    func plan() throws -> RoundOffer {
        for _ in 0..<10 {
            let response = try checkIn(CheckInRequest(software: "test", waitSeconds: 1))
            if response.status == 200 { return try RoundOffer(decoding: response.body) }
        }
        throw MessageError("no work came")
    }

    /// The vector that this agent reports in a round: small, and different for each.
    static func vector(_ client: Int, _ plan: RoundOffer) -> RingVector {
        let values = (0..<plan.report.count).map { Int64(($0 + 1) * (client + 2) * plan.round) << 20 }
        var vector = RingVector(zeros: plan.report.count, bits: plan.report.bits)
        values.withUnsafeBufferPointer { vector.add(integers: $0) }
        return vector
    }

    func body(_ plan: RoundOffer, weight: Int = 5) throws -> [UInt8] {
        guard
            let header = UpdateHeader(
                run: plan.run, round: plan.round, weight: weight, count: plan.report.count,
                bits: plan.report.bits)
        else { throw MessageError("no header") }
        return header.encoded() + Self.vector(plan.client, plan).packed()
    }

    func send(_ body: [UInt8], round: Int) throws -> ClientResponse {
        try client.exchange(ClientRequest(.put, AgentProtocol.paths.update(round: round), body: .bytes(body)))
    }
}

extension ServerSetup {
    /// A published model's file, encoded in memory: what the server writes piece by piece must be these bytes.
    func modelFile(_ parameters: ParameterVector, round: Int) -> [UInt8] {
        ModelFile.encode(
            parameters, description,
            extra: ["sordino.task": configuration.task.name, "sordino.round": String(round)])
    }
}

extension StateDirectory {
    /// The bytes of a model's file; nil where there is none.
    func readModel(_ round: Int) throws -> [UInt8]? {
        FileManager.default.contents(atPath: modelPath(round)).map { Array($0) }
    }
}
