internal import Cryptography
internal import Foundation
internal import HTTPWire
internal import Notation
internal import Operations
internal import Transport

/// What became of an attempt to tell somebody.
enum NoticeOutcome: Equatable, Sendable {
    case delivered
    /// The receiver does not want this notice, now or ever.
    case refused(String)
    /// It may be better later.
    case failed(String)
}

/// Somebody who is told of notices, by a thread that may block.
protocol NoticeReceiver: Sendable {
    /// Tells apart the receivers of a server; the same in every process.
    var name: String { get }
    /// What it wants to be told of.
    var events: Set<Notice.Event> { get }
    /// Tells one notice, within half a minute or so.
    func deliver(_ notice: Notice) -> NoticeOutcome
    /// Ends what is under way, for good.
    func cancel()
}

/// Posts notices to an address, each signed: `Sordino-Signature: v1=` and the hexadecimal HMAC-SHA256, under the secret, of
/// the text `TIMESTAMP.BODY`, where `Sordino-Timestamp` has the first, seconds since 1970 of this attempt.
struct WebhookReceiver: NoticeReceiver {
    private let webhook: NoticeSettings.Webhook
    private let cancellation: CancellationSignal
    private let now: @Sendable () -> Int
    let name: String

    /// Milliseconds for connecting, and for the answer.
    private static let patience: UInt64 = 10_000
    /// Answers after which the same notice is not sent again: it is at fault, or its address is gone.
    private static let final: Set<Int> = [400, 410, 413, 415, 422]
    /// Bytes that a secret has at least.
    private static let shortestSecret = 16

    /// Throws a `Failure` where the secret cannot be read, or `SocketError`.
    init(
        _ webhook: NoticeSettings.Webhook,
        now: @escaping @Sendable () -> Int = { Int(Date().timeIntervalSince1970) }
    ) throws {
        self.webhook = webhook
        self.now = now
        cancellation = try CancellationSignal()
        let address = "\(webhook.address.usesTLS)\n\(webhook.address.endpoint)\n\(webhook.address.target)"
        name = "webhook-" + (try SHA256.text(of: Array(address.utf8)).prefix(16))
        _ = try secret()
    }

    var events: Set<Notice.Event> { webhook.events }

    func cancel() { cancellation.signal() }

    func deliver(_ notice: Notice) -> NoticeOutcome {
        do {
            let status = try post(notice)
            switch status {
            case 200..<300: return .delivered
            case let status where Self.final.contains(status): return .refused("it answers \(status)")
            default: return .failed("\(webhook.address.endpoint) answers \(status)")
            }
        } catch {
            return .failed("\(webhook.address.endpoint): \(error)")
        }
    }

    private func post(_ notice: Notice) throws -> Int {
        let (body, time) = (try notice.body, String(now()))
        let code = try MessageAuthentication.code(for: Array("\(time).".utf8) + body, key: secret())
        var request = ClientRequest(
            .post, webhook.address.target,
            headers: [
                "Content-Type": "application/json", "User-Agent": "sordino/\(ProductVersion.current)",
                "Sordino-Notice": notice.id, "Sordino-Timestamp": time,
                "Sordino-Signature": "v1=\(Hexadecimal.text(of: code))",
            ], body: .bytes(body))
        request.answerTimeout = Self.patience
        guard webhook.address.usesTLS else {
            return try LoopbackExchange(
                webhook.address.endpoint, milliseconds: Self.patience, cancellation: cancellation
            ).status(of: request)
        }
        // Made anew each time: the file may have been renewed.
        let authority = try webhook.authority ?? Self.systemAuthorities()
        var settings = HTTPClientConfiguration(
            server: webhook.address.endpoint,
            tls: try TLSContext(client: TLSClientConfiguration(trust: .authority(path: authority))))
        (settings.connectTimeout, settings.stallTimeout) = (Self.patience, Self.patience)
        let sink = DiscardingSink(milliseconds: Self.patience)
        return try HTTPClient(settings, cancellation: cancellation).exchange(request, into: sink).status
    }

    /// Read anew each time, so that it can be changed. Throws a `Failure`.
    private func secret() throws -> SecretBytes {
        let path = webhook.secretFile
        guard var bytes = try StoredFile.bytes(at: path, limit: 4096) else {
            throw Failure(
                .invalidInput, "cannot read \(path), the secret that signs notices: there is no such file")
        }
        while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
        guard bytes.count >= Self.shortestSecret else {
            throw Failure(
                .invalidInput,
                "\(path): has \(bytes.count) bytes, and a secret that signs notices at least \(Self.shortestSecret); make one with: openssl rand -hex 32"
            )
        }
        return SecretBytes(copying: bytes)
    }

    /// Where Debian and Fedora keep the authorities that the system trusts. Throws a `Failure` where neither is there.
    private static func systemAuthorities() throws -> String {
        let places = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]
        guard let path = places.first(where: { FileManager.default.isReadableFile(atPath: $0) }) else {
            throw Failure(
                .invalidInput,
                "this host has no \(places[0]): install ca-certificates, or name a file as the webhook's ca")
        }
        return path
    }
}

/// Reads an answer's body away, for a limited time.
private final class DiscardingSink: ResponseSink {
    private let end: ContinuousClock.Instant

    init(milliseconds: UInt64) { end = .now + .milliseconds(Int64(milliseconds)) }

    func begin(_ head: HTTPResponseHead) throws(ClientError) {}

    func receive(_ more: UnsafeRawBufferPointer) throws(ClientError) {
        if ContinuousClock.now > end { throw .timedOut("reading the answer") }
    }
}
