internal import Configuration
internal import Glibc
internal import HTTPWire
internal import Operations

/// The agent's status for a browser on its own host: plain HTTP on the loopback interface, to be read and nothing else.
///
/// There is no script in it, nothing can be done by it, and a request must name the loopback address as its host, so that a page
/// from elsewhere whose name was made to mean this host (DNS rebinding) reads nothing.
package final class StatusPage: Sendable {
    private let configuration: AgentConfiguration
    private let listener: Int32
    /// The port that it listens on.
    package let port: UInt16
    private let hosts: Set<String>

    /// Most bytes of a request, seconds that a client may take, and milliseconds between looks at the stop signal.
    private static let limit = 8 << 10
    private static let patience = 5.0
    private static let look: Int32 = 500

    /// Listens on the address that the configuration names, `127.0.0.1:PORT`. Throws a network ``Failure`` where it is taken.
    package init(_ configuration: AgentConfiguration, port wanted: UInt16) throws {
        self.configuration = configuration
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = wanted.bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                descriptor >= 0 && bind(descriptor, $0, length) == 0 && listen(descriptor, 8) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isListening else {
            let why = String(cString: strerror(errno))
            if descriptor >= 0 { close(descriptor) }
            throw Failure(.network, "status_page: cannot listen on 127.0.0.1:\(wanted): \(why)")
        }
        listener = descriptor
        port = UInt16(bigEndian: address.sin_port)
        hosts = ["127.0.0.1:\(port)", "localhost:\(port)"]
    }

    deinit { close(listener) }

    /// Answers one client after the other until a stop is asked for.
    func serve(until stop: StopSignal) {
        while !stop.isRequested {
            var watched = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            guard poll(&watched, 1, Self.look) > 0 else { continue }
            let client = accept(listener, nil, nil)
            guard client >= 0 else { continue }
            // A trainer's program must not inherit it.
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            answer(client)
            close(client)
        }
    }

    private func answer(_ client: Int32) {
        var time = timeval(tv_sec: 1, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(client, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
        let (status, type, body) = response(to: Self.request(client))
        let head =
            "HTTP/1.1 \(status) \(HTTPSerializer.reason(status))\r\nContent-Type: \(type); charset=utf-8\r\n"
            + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\nCache-Control: no-store\r\n"
            + "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n"
            + "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nAllow: GET\r\n\r\n"
        let bytes = Array((head + body).utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
        // Closing with bytes unread would take the answer back.
        shutdown(client, Int32(SHUT_WR))
        var rest = [UInt8](repeating: 0, count: 1024)
        _ = read(client, &rest, rest.count)
    }

    /// The head of a client's request; nil where it is none, too long or too slow.
    private static func request(_ client: Int32) -> HTTPRequestHead? {
        let end = ContinuousClock.now + .seconds(patience)
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 2048)
        while ContinuousClock.now < end, bytes.count <= limit {
            let count = read(client, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            bytes += piece[..<count]
            var (parser, position) = (HTTPRequestParser(), 0)
            let event = bytes.withUnsafeBytes { try? parser.next($0, &position) }
            switch event {
            case .head(let head)?: return head
            case .needsInput?: continue
            default: return nil
            }
        }
        return nil
    }

    private func response(to head: HTTPRequestHead?) -> (status: Int, type: String, body: String) {
        guard let head else { return (400, "text/plain", "not a request\n") }
        guard hosts.contains(head.headers["host"]?.lowercased() ?? "") else {
            return (421, "text/plain", "this page is for this host alone\n")
        }
        guard head.method == .get else { return (405, "text/plain", "nothing can be done here\n") }
        guard ["/", "/status.json"].contains(head.target.path) else {
            return (404, "text/plain", "no such page\n")
        }
        do {
            let status = try AgentStatus(configuration)
            return head.target.path == "/"
                ? (200, "text/html", Self.page(status.lines(now: Double(time(nil)))))
                : (200, "application/json", status.json.text(indented: true) + "\n")
        } catch {
            return (500, "text/plain", PlainLine.of(Failure(wrapping: error).message) + "\n")
        }
    }

    /// The lines of a status as a page.
    private static func page(_ lines: [String]) -> String {
        let text = lines.map(escaped).joined(separator: "\n")
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <title>Sordino agent</title>
            <style>:root{color-scheme:light dark}body{margin:2rem;font-family:sans-serif}pre{overflow-x:auto}</style>
            </head><body><main><h1>Sordino agent</h1>
            <pre>\(text)</pre>
            </main></body></html>

            """
    }

    static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
