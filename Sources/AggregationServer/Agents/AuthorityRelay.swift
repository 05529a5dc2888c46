internal import HTTPWire
internal import Messages
internal import Operations
internal import Transport

/// Relays enrolment and renewal to the certificate authority, another process with its own key. The server adds
/// nothing to a request for enrolment, and to a renewal only who asked.
final class AuthorityRelay: Sendable {
    private struct Job: Sendable {
        let path: String
        let body: [UInt8]
        let responder: Responder
    }

    private let queue: WorkQueue<Job>

    /// Relays to `service` over TLS. The server shows no certificate: the authority believes tokens and the
    /// signatures of requests, not whoever relays them.
    init(_ service: SocketEndpoint, authority: String, log: Logger) throws {
        queue = try WorkQueue(name: "authority", threads: 1, capacity: 64) { job in
            Self.relay(job, service, authority, log)
        }
    }

    /// Takes a request over.
    func relay(path: String, body: [UInt8], _ responder: Responder) {
        if queue.add(Job(path: path, body: body, responder: responder)) { return }
        responder.respond(.refusal(503, "busy", "too many requests wait for the authority", retryAfter: 10))
    }

    func close() { queue.close() }

    private static func relay(
        _ job: Job, _ service: SocketEndpoint, _ authority: String, _ log: Logger
    ) {
        do {
            // Made anew each time: the file may have been renewed.
            let tls = try TLSContext(client: TLSClientConfiguration(trust: .authority(path: authority)))
            let client = try HTTPClient(HTTPClientConfiguration(server: service, tls: tls))
            let request = ClientRequest(
                .post, job.path, headers: ["Content-Type": "application/json"], body: .bytes(job.body))
            let answer = try client.exchange(request, limit: CertificateAnswer.byteLimit)
            job.responder.respond(.json(answer.status, answer.body))
            log.info(
                "relayed to the authority",
                [
                    "path": .text(job.path), "status": .integer(answer.status),
                    "request": .text("\(job.responder.request)"),
                ])
        } catch {
            log.error(
                "the authority does not answer",
                ["error": .text("\(error)"), "request": .text("\(job.responder.request)")])
            job.responder.respond(
                .refusal(503, "authority", "the certificate authority does not answer", retryAfter: 30))
        }
    }
}
