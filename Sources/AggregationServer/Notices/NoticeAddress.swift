internal import Transport

/// Where notices are posted to: an https address, or an http one of the loopback interface.
struct NoticeAddress: Hashable, Sendable {
    let endpoint: SocketEndpoint
    /// Path and query, as they go on the wire.
    let target: String
    let usesTLS: Bool

    /// Reads a URL without user, password or fragment; nil for any other, and for http to another host.
    init?(_ text: String) {
        let rest: Substring
        if text.hasPrefix("https://") {
            (usesTLS, rest) = (true, text.dropFirst(8))
        } else if text.hasPrefix("http://") {
            (usesTLS, rest) = (false, text.dropFirst(7))
        } else {
            return nil
        }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let path = rest.dropFirst(authority.count)
        guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x23 }) else { return nil }
        target = path.hasPrefix("/") ? String(path) : "/" + path
        let hasPort = authority.last != "]" && authority.split(separator: "]").last?.contains(":") == true
        let written = hasPort ? String(authority) : "\(authority):\(usesTLS ? 443 : 80)"
        guard !authority.contains("@"), let endpoint = SocketEndpoint(written), endpoint.port > 0 else {
            return nil
        }
        self.endpoint = endpoint
        guard usesTLS || endpoint.isLoopback else { return nil }
    }
}
