internal import Glibc

/// Tells a service manager how this process stands, by systemd's protocol (sd_notify(3)): one datagram a message to
/// the socket that `NOTIFY_SOCKET` names. Without the variable nothing is sent.
package struct ServiceNotifier: Sendable {
    /// What can be told.
    package enum Message: Sendable, Equatable {
        /// It serves.
        case ready
        /// It is alive; see ``watchdogSeconds``.
        case alive
        /// It has begun to end.
        case stopping
        /// A line for `systemctl status`.
        case status(String)

        /// The datagram; a status cannot smuggle in a second assignment.
        var text: String {
            switch self {
            case .ready: "READY=1"
            case .alive: "WATCHDOG=1"
            case .stopping: "STOPPING=1"
            case .status(let line): "STATUS=" + line.split(whereSeparator: \.isNewline).joined(separator: " ")
            }
        }
    }

    private let address: sockaddr_un?
    private let length: socklen_t
    /// Seconds after which the manager takes silence for death; nil when it does not watch this process.
    package let watchdogSeconds: Double?

    /// A notifier for the variables of a service's environment. A name that no socket can have counts as none.
    package init(environment: [String: String] = Self.ownEnvironment) {
        (address, length) = environment["NOTIFY_SOCKET"].flatMap(Self.address) ?? (nil, 0)
        let isOurs = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { UInt64($0) } ?? 0
        watchdogSeconds = isOurs && microseconds > 0 ? Double(microseconds) * 1e-6 : nil
    }

    /// Whether somebody listens.
    package var isListening: Bool { address != nil }

    /// Sends a message. Returns false where nobody listens or the manager cannot be reached: a service goes on
    /// without it.
    @discardableResult
    package func send(_ message: Message) -> Bool {
        guard var address else { return false }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let bytes = Array(message.text.utf8)
        let sent = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, length)
            }
        }
        return sent == bytes.count
    }

    /// The variables of this process that the protocol names.
    package static var ownEnvironment: [String: String] {
        var found: [String: String] = [:]
        for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
            if let value = getenv(name) { found[name] = String(cString: value) }
        }
        return found
    }

    /// The socket address of a path, or of a name in the abstract name space where it begins with `@`.
    private static func address(_ name: String) -> (sockaddr_un, socklen_t)? {
        var bytes = Array(name.utf8)
        guard let first = bytes.first, bytes.count > 1, !bytes.contains(0) else { return nil }
        guard [UInt8(ascii: "/"), UInt8(ascii: "@")].contains(first) else { return nil }
        // An abstract name begins with a zero and ends with the address; a path ends with a zero.
        if first == UInt8(ascii: "@") { bytes[0] = 0 } else { bytes.append(0) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { path in
            guard bytes.count <= path.count else { return false }
            path.copyBytes(from: bytes)
            return true
        }
        guard fits, let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) else { return nil }
        return (address, socklen_t(offset + bytes.count))
    }
}
