internal import Cryptography
internal import Dispatch
internal import Foundation
internal import HTTPWire
internal import Messages
internal import Operations
internal import Synchronization
internal import Transport

/// Answers relayed enrolments and renewals. Whoever relays is not believed: an enrolment counts by its token, a
/// renewal by the signature of the key that it is for.
final class AuthorityHandler: HTTPHandler {
    private let store: AuthorityStore
    private let log: Logger
    private let queue = DispatchQueue(label: "authority")
    private let waiting = Atomic<Int>(0)

    /// Requests that may wait for the disk at once.
    private static let mostWaiting = 64

    init(_ store: AuthorityStore, log: Logger) {
        self.store = store
        self.log = log
    }

    func handle(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
        let path = "/" + request.head.target.segments.joined(separator: "/")
        if path == AgentProtocol.revocationListPath { return revocationList(request, responder) }
        guard path == AgentProtocol.enrolmentPath || path == AgentProtocol.renewalPath else {
            return .respond(Self.refusal(404, "not_found", "no such path"))
        }
        guard request.head.method == .post else {
            return .respond(Self.refusal(405, "method", "only POST is answered here"))
        }
        if path == AgentProtocol.enrolmentPath {
            return message(EnrolmentRequest.self, responder) { [store] message in
                let request = try Self.request(message.signingRequest)
                return try store.enrol(token: message.token, request)
            }
        }
        return message(RelayedRenewal.self, responder) { [store] message in
            let request = try Self.request(message.signingRequest)
            let certificate = try store.renew(fingerprint: message.fingerprint, request)
            return certificate
        }
    }

    /// The list as it lies in the folder, made anew where it is about to expire. It is for everybody.
    private func revocationList(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
        guard request.head.method == .get else {
            return .respond(Self.refusal(405, "method", "only GET is answered here"))
        }
        // A body, if one comes, is dropped.
        let sink = CollectingSink { [self] _ in
            guard waiting.add(1, ordering: .relaxed).newValue <= Self.mostWaiting else {
                waiting.subtract(1, ordering: .relaxed)
                return .respond(.retry(afterSeconds: 10, "too many requests wait"))
            }
            queue.async { [self] in
                defer { waiting.subtract(1, ordering: .relaxed) }
                do {
                    responder.respond(
                        HTTPResponse(
                            200, headers: ["Content-Type": "application/x-pem-file"],
                            body: .bytes(try store.freshRevocationList())))
                } catch {
                    log.error(
                        "the revocation list cannot be given",
                        ["reason": .text(Failure(wrapping: error).message)])
                    responder.respond(
                        Self.refusal(503, "authority", "the authority cannot write or sign at present"))
                }
            }
            return .later
        }
        return .receive(limit: 1024, reserving: nil, sink: sink)
    }

    private static func request(_ pem: String) throws -> CertificateRequest {
        try Failure.naming("the request") { try CertificateRequest(pem: Array(pem.utf8)) }
    }

    /// Reads a message and lets `answer` find the certificate, one request after the other, off the loop.
    private func message<Message: ControlMessage>(
        _ type: Message.Type, _ responder: Responder,
        _ answer: @escaping @Sendable (Message) throws -> Certificate
    ) -> RequestDecision {
        let sink = CollectingSink { [self] bytes in
            let message: Message
            do {
                message = try Message(decoding: bytes)
            } catch {
                return .respond(Self.refusal(422, "malformed", "\(error)"))
            }
            guard waiting.add(1, ordering: .relaxed).newValue <= Self.mostWaiting else {
                waiting.subtract(1, ordering: .relaxed)
                return .respond(.retry(afterSeconds: 10, "too many requests wait"))
            }
            queue.async { [self] in
                defer { waiting.subtract(1, ordering: .relaxed) }
                responder.respond(response { try answer(message) })
            }
            return .later
        }
        return .receive(limit: Message.byteLimit, reserving: nil, sink: sink)
    }

    /// The certificate as an answer, or why there is none. Nothing that was received is logged.
    private func response(_ issue: () throws -> Certificate) -> HTTPResponse {
        do {
            let certificate = try issue()
            let answer = CertificateAnswer(
                certificate: String(decoding: try certificate.pem(), as: UTF8.self),
                authority: String(decoding: try store.authority.certificate.pem(), as: UTF8.self),
                expires: Int(certificate.notAfter.timeIntervalSince1970))
            log.info(
                "certificate issued",
                ["name": .text(certificate.name), "serial": .text(certificate.serial)])
            return .json(200, try answer.encoded())
        } catch {
            let failure = Failure(wrapping: error)
            log.warning("request refused", ["reason": .text(failure.message)])
            switch failure.exitCode {
            case .network: return Self.refusal(403, "refused", failure.message)
            case .invalidInput: return Self.refusal(422, "request", failure.message)
            default: return Self.refusal(503, "authority", "the authority cannot write or sign at present")
            }
        }
    }

    private static func refusal(_ status: Int, _ error: String, _ detail: String) -> HTTPResponse {
        let answer = ErrorAnswer(error: error, detail: String(detail.prefix(200)))
        return .json(status, (try? answer.encoded()) ?? Array("{}".utf8))
    }
}
