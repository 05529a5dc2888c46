internal import Glibc

/// An address that the system can bind or connect.
struct ResolvedAddress: Sendable {
    /// The bytes of a `sockaddr`.
    let bytes: [UInt8]
    /// `AF_INET` or `AF_INET6`.
    let family: Int32

    /// Calls `body` with the address and its length.
    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        bytes.withUnsafeBytes { raw in
            // `bytes` has the size and was copied from a `sockaddr`; arrays are aligned for it.
            guard let base = raw.baseAddress else { preconditionFailure("an address has bytes") }
            return body(base.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
        }
    }

    /// The numeric host, for logs.
    var host: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { buffer in
            let failed = withPointer { address, count in
                getnameinfo(
                    address, count, buffer.baseAddress, socklen_t(buffer.count), nil, 0, NI_NUMERICHOST)
            }
            guard failed == 0, let base = buffer.baseAddress else { return "?" }
            return String(cString: base)
        }
    }
}

/// TCP sockets, all non-blocking, without delay and closed on exec. Descriptors are the caller's to close.
enum Socket {
    /// The addresses of a name.
    /// - Parameters:
    ///   - endpoint: host and port.
    ///   - listening: whether the name must be numeric, to bind to.
    /// - Returns: the addresses in the resolver's order.
    /// - Throws: `SocketError` where the name has none.
    static func resolve(_ endpoint: SocketEndpoint, listening: Bool) throws(SocketError) -> [ResolvedAddress]
    {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV | (listening ? AI_NUMERICHOST | AI_PASSIVE : 0)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(endpoint.host, String(endpoint.port), &hints, &list)
        guard code == 0 else {
            let reason = String(cString: gai_strerror(code))
            throw SocketError(doing: "resolve \(endpoint.host) (\(reason))", code: EADDRNOTAVAIL)
        }
        defer { freeaddrinfo(list) }
        var found: [ResolvedAddress] = []
        var next = list
        while let entry = next?.pointee {
            if let address = entry.ai_addr {
                let raw = UnsafeRawBufferPointer(start: address, count: Int(entry.ai_addrlen))
                found.append(ResolvedAddress(bytes: Array(raw), family: entry.ai_family))
            }
            next = entry.ai_next
        }
        return found
    }

    /// An unconnected socket.
    static func make(family: Int32) throws(SocketError) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, type, 0)
        guard descriptor >= 0 else { throw SocketError(doing: "make a socket") }
        return descriptor
    }

    /// Sets an option; failing is harmless for those in use here.
    static func setOption(_ descriptor: Int32, _ level: Int, _ option: Int32, _ value: Int32 = 1) {
        var value = value
        setsockopt(descriptor, Int32(level), option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// A listening socket and the port it got.
    static func listen(on endpoint: SocketEndpoint) throws(SocketError) -> (descriptor: Int32, port: UInt16) {
        guard let address = try resolve(endpoint, listening: true).first else {
            throw SocketError(doing: "listen on \(endpoint)", code: EADDRNOTAVAIL)
        }
        let descriptor = try make(family: address.family)
        setOption(descriptor, Int(SOL_SOCKET), SO_REUSEADDR)
        let failed = address.withPointer { bind(descriptor, $0, $1) != 0 }
        guard !failed, Glibc.listen(descriptor, 4096) == 0 else {
            let error = SocketError(doing: "listen on \(endpoint)")
            close(descriptor)
            throw error
        }
        return (descriptor, port(of: descriptor))
    }

    /// A connection that waited on `listener`, with the client's numeric address; nil when there is none.
    static func accept(_ listener: Int32) throws(SocketError) -> (descriptor: Int32, host: String)? {
        var storage = sockaddr_storage()
        var count = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let descriptor = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.accept(listener, $0, &count) }
        }
        guard descriptor >= 0 else {
            switch errno {
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: throw SocketError(doing: "accept a connection")
            default: return nil
            }
        }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        setOption(descriptor, Int(IPPROTO_TCP), TCP_NODELAY)
        let bytes = withUnsafeBytes(of: &storage) { Array($0.prefix(Int(count))) }
        return (descriptor, ResolvedAddress(bytes: bytes, family: Int32(storage.ss_family)).host)
    }

    /// Closes a descriptor.
    static func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }

    /// Says that nothing more will be sent.
    static func endOutput(_ descriptor: Int32) { _ = Glibc.shutdown(descriptor, Int32(SHUT_WR)) }

    /// Raw bytes received into `buffer`: their number, 0 at the end or on an error, nil when none are there.
    static func receive(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
        if count < 0, errno == EAGAIN { return nil }
        return max(0, count)
    }

    /// The local port of a socket.
    static func port(of descriptor: Int32) -> UInt16 {
        var storage = sockaddr_storage()
        var count = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let failed = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &count) }
        }
        guard failed == 0 else { return 0 }
        // Port is at the same offset, in network order, for both families.
        return withUnsafeBytes(of: &storage) { UInt16($0[2]) << 8 | UInt16($0[3]) }
    }
}

/// Process-wide conditions of networking.
enum NetworkProcess {
    /// Writing to a closed socket must return an error, not end the process.
    static let ignoresBrokenPipes: Void = { signal(SIGPIPE, SIG_IGN) }()
}

/// The monotonic clock.
enum MonotonicClock {
    /// Milliseconds since some fixed moment.
    static func milliseconds() -> UInt64 { microseconds() / 1000 }

    /// Microseconds since the same moment.
    static func microseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
    }

    /// Seconds since 1970 of the calendar.
    static func secondsSince1970() -> Int64 { Int64(time(nil)) }
}
