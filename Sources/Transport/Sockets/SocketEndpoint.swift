internal import HTTPWire

/// A host and a port, as in "127.0.0.1:8443", "[::1]:0" or "server.example:443".
package struct SocketEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// DNS name or IP address, without brackets.
    package let host: String
    /// The port; 0 lets the system choose one to listen on.
    package let port: UInt16

    /// Names both.
    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Parses "host:port" with an IPv6 address in brackets; nil when malformed.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ HTTPCharacters.isHost($0) && $0 != 0x5B && $0 != 0x5D })
        else { return nil }
        self.init(host: String(host), port: port)
    }

    /// The form that `init(_:)` reads; also the value of `Host`.
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
