internal import Glibc
internal import HTTPWire

extension SocketEndpoint {
    /// Whether this is an address of the host's own loopback interface, or the name of one.
    package var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}

/// One request without TLS, to a process of this very host. Blocks.
package struct LoopbackExchange {
    private let server: SocketEndpoint
    private let milliseconds: UInt64
    private let cancellation: CancellationSignal

    /// To `server`, which must be on the loopback interface, within so many milliseconds; `cancellation` ends it early.
    package init(_ server: SocketEndpoint, milliseconds: UInt64, cancellation: CancellationSignal) {
        _ = NetworkProcess.ignoresBrokenPipes
        self.server = server
        self.milliseconds = milliseconds
        self.cancellation = cancellation
    }

    /// Sends the request, whose body must be bytes, and returns the answer's status; its body is not read. Throws
    /// ``ClientError``, also where the server's name stands for another host.
    package func status(of request: ClientRequest) throws(ClientError) -> Int {
        let deadline = MonotonicClock.milliseconds() + milliseconds
        var message: [UInt8]
        do throws(HTTPFieldError) {
            message = try HTTPSerializer.head(
                method: request.method.rawValue, target: request.target, host: server.description,
                headers: request.headers, length: .fixed(request.body.count), keepAlive: false)
        } catch {
            throw .invalidRequest(error.description)
        }
        if case .bytes(let bytes) = request.body { message += bytes }
        let socket = try connect(until: deadline)
        defer { Socket.close(socket) }
        try send(message, socket, until: deadline)
        return try answer(socket, until: deadline)
    }

    private func connect(until deadline: UInt64) throws(ClientError) -> Int32 {
        var last = ClientError.network("\(server.host) has no address")
        let addresses: [ResolvedAddress]
        do throws(SocketError) {
            addresses = try Socket.resolve(server, listening: false)
        } catch {
            throw .network(error.description)
        }
        for address in addresses where SocketEndpoint(host: address.host, port: 0).isLoopback {
            guard let socket = try? Socket.make(family: address.family) else { continue }
            do throws(ClientError) {
                try connect(socket, address, until: deadline)
                return socket
            } catch {
                Socket.close(socket)
                guard error != .cancelled else { throw error }
                last = error
            }
        }
        throw last
    }

    private func connect(
        _ socket: Int32, _ address: ResolvedAddress, until deadline: UInt64
    ) throws(ClientError) {
        if address.withPointer({ Glibc.connect(socket, $0, $1) }) == 0 { return }
        guard errno == EINPROGRESS else {
            throw .network(SocketError(doing: "connect to \(server)").description)
        }
        guard try cancellation.wait(socket, for: POLLOUT, until: deadline) != nil else {
            throw .timedOut("connecting to \(server)")
        }
        var (code, count) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
        getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &count)
        guard code == 0 else {
            throw .network(SocketError(doing: "connect to \(server)", code: code).description)
        }
    }

    private func send(_ bytes: [UInt8], _ socket: Int32, until deadline: UInt64) throws(ClientError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(socket, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count < 0, errno == EAGAIN {
                guard try cancellation.wait(socket, for: POLLOUT, until: deadline) != nil else {
                    throw .timedOut("sending the request")
                }
            } else if count == 0 || errno != EINTR {
                throw .network(SocketError(doing: "send to \(server)").description)
            }
        }
    }

    /// The status, from the answer's first line. Small servers answer in HTTP/1.0, which says no more of a status.
    private func answer(_ socket: Int32, until deadline: UInt64) throws(ClientError) -> Int {
        var (line, piece) = ([UInt8](), [UInt8](repeating: 0, count: 512))
        while !line.contains(0x0A) {
            guard line.count < Self.longestLine else { throw .protocolViolation(.malformedStartLine) }
            guard try cancellation.wait(socket, for: POLLIN, until: deadline) != nil else {
                throw .timedOut("waiting for the answer")
            }
            let count = read(socket, &piece, piece.count)
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            guard count > 0 else { throw .network("the server closed the connection before it answered") }
            line += piece[..<count]
        }
        guard line.count >= 13, line[..<7].elementsEqual("HTTP/1.".utf8), line[8] == 0x20,
            line[9..<12].allSatisfy({ (0x30...0x39).contains($0) })
        else { throw .protocolViolation(.malformedStartLine) }
        return line[9..<12].reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    private static let longestLine = 4096
}
