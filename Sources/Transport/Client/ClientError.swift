package import HTTPWire
package import Operations

/// Why a request has no usable answer.
package enum ClientError: ExitCoded, Sendable, Equatable, CustomStringConvertible {
    /// The network or the other process failed; another attempt may succeed.
    case network(String)
    /// Nothing moved for too long while doing this; another attempt may succeed.
    case timedOut(String)
    /// TLS was refused, by this side or the other: a certificate, host name, version. Retrying will not help
    /// until someone mends it.
    case tls(TLSFault)
    /// The server knows who is asking and says no (401 or 403), with the first line of its reason.
    case authentication(status: Int, reason: String)
    /// The server answered with an error, after all retries; with the first line of its reason.
    case status(Int, reason: String)
    /// The proxy did not open the tunnel.
    case proxy(status: Int)
    /// What came is no acceptable HTTP.
    case protocolViolation(HTTPRefusal)
    /// The response is longer than the caller accepts.
    case responseTooLarge(limit: Int)
    /// The request cannot be sent as it was given.
    case invalidRequest(String)
    /// The file changed on the server, or its answer does not fit the request, again and again.
    case inconsistentDownload(String)
    /// The sink refused the bytes.
    case rejected(String)
    /// `HTTPClient.cancel` was called.
    case cancelled

    /// The network's but for a stop that was asked for.
    package var exitCode: ExitCode { self == .cancelled ? .interrupted : .network }

    package var sentence: String { self == .cancelled ? "interrupted" : description }

    /// One line for a log or a person.
    package var description: String {
        switch self {
        case .network(let reason): "network: \(reason)"
        case .timedOut(let doing): "timed out: \(doing)"
        case .tls(let fault): fault.clientText
        case .authentication(let status, let reason): "refused by the server (\(status)): \(reason)"
        case .status(let status, let reason): "the server answered \(status): \(reason)"
        case .proxy(let status): Self.proxyText(status)
        case .protocolViolation(let refusal): "not acceptable HTTP: \(refusal.reason)"
        case .responseTooLarge(let limit): "the response is longer than \(limit) bytes"
        case .invalidRequest(let reason): "invalid request: \(reason)"
        case .inconsistentDownload(let reason): "inconsistent download: \(reason)"
        case .rejected(let reason): "response rejected: \(reason)"
        case .cancelled: "cancelled"
        }
    }

    /// What a proxy's refusal of a tunnel means, and who can mend it.
    private static func proxyText(_ status: Int) -> String {
        let what = "the proxy refused the tunnel with status \(status)"
        return switch status {
        case 407:
            "\(what): it wants a name and a password, which are not given to proxies here; have it let this host through"
                + " without, or name another proxy"
        case 300..<400, 511:
            "\(what), which leads to a page of its own, as the log-in of a network does: log this host in there, or have"
                + " it let through"
        case 403: "\(what): it does not allow this server's name and port; have them allowed"
        case 405, 501: "\(what): it opens no tunnels (CONNECT); name another proxy"
        default: what
        }
    }

    /// Whether another attempt may succeed without anybody's help.
    package var isTransient: Bool {
        switch self {
        case .network, .timedOut: true
        case .status(let status, _): RetryPolicy.retriedStatuses.contains(status)
        case .proxy(let status): RetryPolicy.retriedStatuses.contains(status)
        default: false
        }
    }
}

extension HTTPRefusal: ExitCoded {
    /// What the other side sent.
    package var exitCode: ExitCode { .network }
    package var sentence: String { "not acceptable HTTP: \(reason)" }
}

extension HTTPFieldError: ExitCoded {
    /// What this program meant to send.
    package var exitCode: ExitCode { .internalFault }
}
