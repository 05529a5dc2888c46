import Compute
import Configuration
import Cryptography
import Datasets
import Federation
import Foundation
import HTTPWire
import Learning
import Messages
import Notation
import Synchronization
import Transport

@testable import ClientAgent

/// A small server of the agent protocol for one agent: hands out rounds from a list, keeps what it is sent, and
/// misbehaves where a test wants it to.
final class TestFederation: HTTPHandler, Sendable {
    struct State {
        var plans: [RoundOffer] = []
        var models: [Int: [UInt8]] = [:]
        /// Models in few bits, by round.
        var packedModels: [Int: [UInt8]] = [:]
        /// What the strategy remembers with a model, as the file that is sent.
        var modelStates: [Int: [UInt8]] = [:]
        /// The file of frozen parameters; nil: the task's model has none.
        var frozen: [UInt8]?
        /// How often it was asked for.
        var frozenRequests = 0
        /// Bodies of updates by round, in the order received.
        var updates: [Int: [[UInt8]]] = [:]
        /// How much of a report is here, told to whoever asks; nil: no parts are kept.
        var received: Int?
        /// Status of the answer to that question in place of 200.
        var questionStatus: Int?
        /// Digests and lengths that were asked about, and ranges that came.
        var questions: [String] = []
        var contentRanges: [String?] = []
        var failures: [FailureReport] = []
        /// Statuses to answer the next updates with, before accepting.
        var updateStatuses: [Int] = []
        /// Bytes after which the next model downloads are cut.
        var modelCuts: [Int] = []
        var ranges: [String] = []
        var checkIns: [CheckInRequest] = []
        var tokens: [String] = []
        var renewals = 0
        /// What the server says of its task; nil: it does not tell.
        var offer: TaskOffer?
        /// What the server says that it runs; nil: it is one of a single run.
        var list: TaskList?
        /// The tasks of those runs.
        var runOffers: [String: TaskOffer] = [:]
        /// Paths of runs that were asked for or sent to, in their order.
        var runPaths: [String] = []
        /// Called with each check-in, before it is answered.
        var onCheckIn: @Sendable () -> Void = {}
        /// How often the agent asked to be revoked, and what it is answered.
        var leaves = 0
        var leaveStatus = 204
        /// `Retry-After` where there is nothing to do.
        var retryAfter: String? = "0"
        /// What the server says when it is asked for a step of secure aggregation; else 409.
        var secureAggregation: [String: [UInt8]] = [:]
        /// Steps of secure aggregation that messages came for, in their order.
        var steps: [String] = []
    }

    static let run = String(repeating: "5e", count: 16)

    let state = Mutex(State())
    let authority: TestAuthority
    private let server = Mutex<HTTPServer?>(nil)

    init(_ authority: TestAuthority) throws {
        self.authority = authority
        let tls = try TLSContextSource(
            server: TLSServerConfiguration(
                credentials: authority.credentials("server"), authority: authority.path("ca.crt"),
                clientCertificates: .optional))
        let listen = SocketEndpoint(host: "127.0.0.1", port: 0)
        let made = try HTTPServer(HTTPServerConfiguration(listen: listen, loops: 1), tls: tls, handler: self)
        server.withLock { $0 = made }
    }

    var endpoint: SocketEndpoint {
        SocketEndpoint(host: "127.0.0.1", port: server.withLock { $0?.port ?? 0 })
    }

    func shutdown() {
        let made = server.withLock { server in
            defer { server = nil }
            return server
        }
        made?.shutdown(withinMilliseconds: 100)
    }

    func handle(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
        let path = pathWithoutRun(request.head.target.path)
        if request.head.method == .get, path.contains("/secagg/") {
            let bytes = state.withLock { $0.secureAggregation[String(path.split(separator: "/").last ?? "")] }
            return .respond(
                bytes.map { HTTPResponse(200, body: .bytes($0)) } ?? .text(409, "the round is closed"))
        }
        if request.head.method == .get {
            if path == AgentProtocol.tasksPath {
                let body = state.withLock { try? $0.list?.encoded() }
                return .respond(body.map { .json(200, $0) } ?? .text(404, "no such path"))
            }
            if let offer = offer(request.head.target.path) {
                return .respond((try? offer.encoded()).map { .json(200, $0) } ?? .text(500, "?"))
            }
            if path == AgentProtocol.paths.task {
                let body = state.withLock { try? $0.offer?.encoded() }
                return .respond(body.map { .json(200, $0) } ?? .text(404, "no such path"))
            }
            let range = request.head.headers["range"]
            if path == AgentProtocol.paths.frozenModel {
                let bytes = state.withLock { state in
                    state.frozenRequests += 1
                    return state.frozen
                }
                return .respond(representation(bytes, range: range))
            }
            let parts = path.split(separator: "/")
            if parts.last == "state", parts.count == 4, let round = Int(parts[2]) {
                return .respond(representation(state.withLock { $0.modelStates[round] }, range: range))
            }
            if parts.last == "packed", parts.count == 4, let round = Int(parts[2]) {
                return .respond(representation(state.withLock { $0.packedModels[round] }, range: range))
            }
            if parts.last == "update" { return .respond(received(request.head.target)) }
            guard let round = Int(parts.last ?? "") else {
                return .respond(.text(405, "not here"))
            }
            return .respond(representation(state.withLock { $0.models[round] }, range: range))
        }
        if path.hasSuffix("/update") {
            state.withLock { $0.contentRanges.append(request.head.headers["content-range"]) }
        }
        return .receive(
            limit: 64 << 20, reserving: nil,
            sink: CollectingSink { [self] body in
                .respond((try? answer(path, body, request.peer)) ?? .text(400, "not acceptable"))
            })
    }

    /// The path as a server of one run has it; that of a run is kept for the test to look at.
    private func pathWithoutRun(_ path: String) -> String {
        let parts = path.split(separator: "/")
        guard parts.count > 3, parts[1] == "runs" else { return path }
        state.withLock { $0.runPaths.append(path) }
        return "/v1/" + parts[3...].joined(separator: "/")
    }

    /// The task of the run that a path is of.
    private func offer(_ path: String) -> TaskOffer? {
        state.withLock { state in
            state.runOffers.first { path == AgentProtocol.paths(of: $0.key).task }?.value
        }
    }

    private func answer(_ path: String, _ body: [UInt8], _ peer: PeerIdentity?) throws -> HTTPResponse {
        if path == AgentProtocol.enrolmentPath { return try enrol(EnrolmentRequest(decoding: body)) }
        guard peer != nil else { return .text(401, "no certificate") }
        switch path {
        case AgentProtocol.checkInPath: return try checkIn(CheckInRequest(decoding: body))
        case AgentProtocol.leavePath:
            return HTTPResponse(
                state.withLock { state in
                    state.leaves += 1
                    return state.leaveStatus
                })
        case AgentProtocol.renewalPath:
            state.withLock { $0.renewals += 1 }
            let request = try CertificateRequest(
                pem: Array(RenewalRequest(decoding: body).signingRequest.utf8))
            return try certificate(request, name: request.name)
        default:
            let parts = path.split(separator: "/")
            if parts.count == 5, parts[3] == "secagg" {
                state.withLock { $0.steps.append(String(parts[4])) }
                return HTTPResponse(202)
            }
            guard parts.count == 4, let round = Int(parts[2]) else { return .text(404, "no such path") }
            if parts[3] == "failure" {
                let report = try FailureReport(decoding: body)
                state.withLock { $0.failures.append(report) }
                return HTTPResponse(204)
            }
            return try update(round, body)
        }
    }

    private func received(_ target: RequestTarget) -> HTTPResponse {
        state.withLock { state in
            state.questions.append(
                [target.parameter("sha256"), target.parameter("bytes"), target.parameter("run")]
                    .map { $0 ?? "" }.joined(separator: " "))
            if let status = state.questionStatus { return .text(status, "no such round") }
            guard let count = state.received,
                let body = try? ReceivedBytes(received: count).encoded()
            else { return .text(405, "not here") }
            return .json(200, body)
        }
    }

    private func checkIn(_ request: CheckInRequest) throws -> HTTPResponse {
        state.withLock { $0.onCheckIn }()
        let plan = state.withLock { state in
            state.checkIns.append(request)
            let declines = request.declines ?? []
            return state.plans.firstIndex { !declines.contains($0.run) }.map { state.plans.remove(at: $0) }
        }
        guard let plan else {
            var response = HTTPResponse(204, headers: [AgentProtocol.runStateHeader: "finished"])
            response.headers["Retry-After"] = state.withLock { $0.retryAfter }
            return response
        }
        return .json(200, try plan.encoded())
    }

    private func representation(_ bytes: [UInt8]?, range: String?) -> HTTPResponse {
        state.withLock { state in
            guard let bytes, let digest = try? SHA256.hash(bytes) else {
                return .text(404, "no such model")
            }
            let tag = "\"\(Hexadecimal.text(of: digest))\""
            if let range, let start = Int(range.dropFirst("bytes=".count).dropLast()) {
                state.ranges.append(range)
                let headers: HTTPHeaders = [
                    "ETag": tag, "Content-Range": "bytes \(start)-\(bytes.count - 1)/\(bytes.count)",
                ]
                return HTTPResponse(206, headers: headers, body: .bytes(Array(bytes[start...])))
            }
            return HTTPResponse(200, headers: ["ETag": tag], body: .bytes(bytes))
        }
    }

    private func update(_ round: Int, _ body: [UInt8]) throws -> HTTPResponse {
        let digest = try SHA256.text(of: body)
        return try state.withLock { state in
            state.updates[round, default: []].append(body)
            if !state.updateStatuses.isEmpty {
                let status = state.updateStatuses.removeFirst()
                return .retry(status, afterSeconds: 0, "not now")
            }
            let receipt = UpdateReceipt(run: Self.run, round: round, sha256: digest)
            return .json(202, try receipt.encoded())
        }
    }

    private func enrol(_ request: EnrolmentRequest) throws -> HTTPResponse {
        state.withLock { $0.tokens.append(request.token) }
        return try certificate(
            CertificateRequest(pem: Array(request.signingRequest.utf8)), name: "enrolled-agent")
    }

    private func certificate(_ request: CertificateRequest, name: String) throws -> HTTPResponse {
        let certificate = try authority.authority.issue(request, name: name, role: .agent, now: Date())
        let answer = CertificateAnswer(
            certificate: String(decoding: try certificate.pem(), as: UTF8.self),
            authority: String(decoding: try authority.authority.certificate.pem(), as: UTF8.self),
            expires: Int(certificate.notAfter.timeIntervalSince1970))
        return .json(200, try answer.encoded())
    }
}
