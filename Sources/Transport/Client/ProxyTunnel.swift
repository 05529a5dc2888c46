internal import Glibc
internal import HTTPWire

/// A tunnel through an HTTP proxy by `CONNECT` (RFC 9110, section 9.3.6), in the clear; what goes through it is
/// TLS to the server. The server's name is all that the proxy learns.
enum ProxyTunnel {
    /// Asks the proxy at the other end of `descriptor` for a tunnel.
    static func open(
        to server: SocketEndpoint, over descriptor: Int32, _ cancellation: CancellationSignal,
        until deadline: UInt64
    ) throws(ClientError) {
        let name = server.description
        let head: [UInt8]
        do throws(HTTPFieldError) {
            head = try HTTPSerializer.head(
                method: "CONNECT", target: name, host: name, headers: HTTPHeaders(), length: .none)
        } catch {
            throw .invalidRequest(error.description)
        }
        try send(head, over: descriptor, cancellation, until: deadline)
        // One byte at a time: what follows the answer belongs to TLS and must stay in the socket.
        var parser = HTTPResponseParser(answering: .connect)
        var status: Int?
        while true {
            var byte: UInt8 = 0
            let count = recv(descriptor, &byte, 1, 0)
            if count < 0, errno == EAGAIN {
                guard try cancellation.wait(descriptor, for: POLLIN, until: deadline) != nil else {
                    throw .timedOut("waiting for the proxy")
                }
                continue
            }
            guard count == 1 else { throw .network("the proxy closed the connection") }
            if let found = try feed(byte, to: &parser) { status = found }
            if let status, status >= 200 {
                guard status < 300 else { throw .proxy(status: status) }
                return
            }
        }
    }

    private static func feed(
        _ byte: UInt8, to parser: inout HTTPResponseParser
    ) throws(ClientError) -> Int? {
        var byte = byte
        var status: Int?
        do throws(HTTPRefusal) {
            try withUnsafeBytes(of: &byte) { (input) throws(HTTPRefusal) in
                var position = 0
                if case .head(let head) = try parser.next(input, &position) { status = head.status }
            }
        } catch {
            throw .protocolViolation(error)
        }
        return status
    }

    private static func send(
        _ bytes: [UInt8], over descriptor: Int32, _ cancellation: CancellationSignal, until deadline: UInt64
    ) throws(ClientError) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                sent += count
            } else if errno == EAGAIN {
                guard try cancellation.wait(descriptor, for: POLLOUT, until: deadline) != nil else {
                    throw .timedOut("asking the proxy")
                }
            } else {
                throw .network(SocketError(doing: "write to the proxy").description)
            }
        }
    }
}
