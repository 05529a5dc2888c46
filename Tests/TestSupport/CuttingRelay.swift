import Foundation
import Glibc
import Synchronization

/// A TCP line on this machine that breaks: each connection through it is reset after so many bytes, in both directions
/// together, until it has broken often enough.
package final class CuttingRelay: Sendable {
    /// Where it listens, on 127.0.0.1.
    package let port: UInt16
    private let listener: Int32
    private let target: UInt16
    private let span: Int
    private let times: Int
    private let state = Mutex((cuts: 0, passed: 0))
    private let isStopped = Atomic(false)

    /// Relays to a port of 127.0.0.1.
    /// - Parameters:
    ///   - target: the port.
    ///   - span: bytes after which a connection is reset.
    ///   - times: how often at most.
    /// - Throws: where it cannot listen.
    package init(to target: UInt16, cuttingEvery span: Int, times: Int = .max) throws {
        (self.target, self.span, self.times) = (target, span, times)
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = Self.address(0)
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = Self.with(&address) { bind(listener, $0, length) == 0 && listen(listener, 16) == 0 }
        var bound = length
        guard isBound, Self.with(&address, { getsockname(listener, $0, &bound) }) == 0 else {
            close(listener)
            throw CocoaError(.fileReadUnknown)
        }
        port = UInt16(bigEndian: address.sin_port)
        Thread { [self] in accept() }.start()
    }

    /// Connections that were reset.
    package var cuts: Int { state.withLock { $0.cuts } }
    /// Bytes that passed in both directions.
    package var passed: Int { state.withLock { $0.passed } }

    /// Ends the relay and every connection through it.
    package func stop() {
        isStopped.store(true, ordering: .sequentiallyConsistent)
    }

    private func accept() {
        while !isStopped.load(ordering: .relaxed) {
            guard Self.ready(listener) else { continue }
            let client = Glibc.accept(listener, nil, nil)
            if client >= 0 { Thread { [self] in forward(client) }.start() }
        }
        close(listener)
    }

    private func forward(_ client: Int32) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.address(target)
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isThere = Self.with(&address) { connect(server, $0, length) } == 0
        var left = state.withLock { $0.cuts < times } ? span : .max
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while isThere, left > 0, !isStopped.load(ordering: .relaxed) {
            for (from, to) in [(client, server), (server, client)] where Self.ready(from, within: 0) {
                let count = read(from, &buffer, min(buffer.count, left))
                guard count > 0, Self.send(buffer[..<count], to) else {
                    close(server)
                    close(client)
                    return
                }
                left -= count
                state.withLock { $0.passed += count }
            }
            _ = Self.ready(client, server)
        }
        if left == 0 { state.withLock { $0.cuts += 1 } }
        // A reset, as of a line that is gone, and not an orderly end.
        var now = linger(l_onoff: 1, l_linger: 0)
        for end in [client, server] {
            setsockopt(end, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
            close(end)
        }
    }

    private static func send(_ bytes: ArraySlice<UInt8>, _ target: Int32) -> Bool {
        bytes.withUnsafeBytes { raw in
            var sent = 0
            while sent < raw.count {
                let count = Glibc.send(
                    target, raw.baseAddress.map { $0 + sent }, raw.count - sent, Int32(MSG_NOSIGNAL))
                guard count > 0 else { return false }
                sent += count
            }
            return true
        }
    }

    /// Waits until one of the sockets can be read; false after so many milliseconds.
    private static func ready(_ descriptors: Int32..., within milliseconds: Int32 = 20) -> Bool {
        var polled = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        return poll(&polled, nfds_t(polled.count), milliseconds) > 0
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func with<Result>(
        _ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>) -> Result
    ) -> Result {
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) }
        }
    }
}
