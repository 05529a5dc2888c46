import Foundation
import Operations
import Synchronization

@testable import Transport

/// A plain forwarder on a port of its own: answers `CONNECT` if asked to, then copies bytes between client and
/// server, one connection at a time, and can cut the line after so many bytes from the server.
final class TestProxy {
    let port: UInt16
    private let work: Work
    private let thread: WorkerThread

    /// Listens on a free port and serves at once.
    /// - Parameters:
    ///   - target: the port on this machine to forward to.
    ///   - answer: what to answer `CONNECT` with; nil to forward at once.
    ///   - cuts: bytes from the server after which the first, second, … connection is cut.
    /// - Throws: where it cannot listen.
    init(to target: UInt16, answer: String? = nil, cuts: [Int] = []) throws {
        let (listener, port) = try Socket.listen(on: SocketEndpoint(host: "127.0.0.1", port: 0))
        self.port = port
        let work = Work(listener: listener, target: target, answer: answer, cuts: cuts)
        self.work = work
        thread = try WorkerThread(name: "proxy") { work.run() }
    }

    deinit {
        work.isStopped.store(true, ordering: .relaxed)
        thread.join()
        Socket.close(work.listener)
    }

    /// The head of the last `CONNECT`.
    var asked: String { work.asked.withLock { $0 } }

    private final class Work: Sendable {
        let listener: Int32
        let isStopped = Atomic<Bool>(false)
        let asked = Mutex("")
        private let target: UInt16
        private let answer: String?
        private let cuts: [Int]

        init(listener: Int32, target: UInt16, answer: String?, cuts: [Int]) {
            self.listener = listener
            self.target = target
            self.answer = answer
            self.cuts = cuts
        }

        func run() {
            var served = 0
            while !isStopped.load(ordering: .relaxed) {
                guard ready(listener), let (client, _) = try? Socket.accept(listener) else { continue }
                defer { Socket.close(client) }
                if let answer, !answerConnect(client, answer) { continue }
                forward(client, limit: served < cuts.count ? cuts[served] : .max)
                served += 1
            }
        }

        private func answerConnect(_ client: Int32, _ answer: String) -> Bool {
            var head = ""
            while !head.hasSuffix("\r\n\r\n"), !isStopped.load(ordering: .relaxed) {
                var byte: UInt8 = 0
                guard ready(client) else { continue }
                guard recv(client, &byte, 1, 0) == 1 else { return false }
                head.unicodeScalars.append(Unicode.Scalar(byte))
            }
            asked.withLock { $0 = head }
            _ = send(client, answer, answer.utf8.count, Int32(MSG_NOSIGNAL))
            return answer.contains(" 200 ")
        }

        private func forward(_ client: Int32, limit: Int) {
            guard
                let address = try? Socket.resolve(
                    SocketEndpoint(host: "127.0.0.1", port: target), listening: true),
                let server = try? Socket.make(family: address[0].family)
            else { return }
            defer { Socket.close(server) }
            _ = address[0].withPointer { connect(server, $0, $1) }
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
            defer { buffer.deallocate() }
            var passed = 0
            while !isStopped.load(ordering: .relaxed), passed < limit {
                for (from, to) in [(client, server), (server, client)] {
                    guard let count = Socket.receive(from, into: buffer) else { continue }
                    guard count > 0 else { return }
                    if from == server { passed += count }
                    var sent = 0
                    while sent < count {
                        let rest = UnsafeRawBufferPointer(rebasing: buffer[sent..<count])
                        let done = send(to, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                        if done > 0 { sent += done } else if errno != EAGAIN { return }
                    }
                }
                ready(client, server)
            }
        }

        /// Waits until one of the sockets can be read; false after 20 milliseconds.
        @discardableResult
        private func ready(_ descriptors: Int32...) -> Bool {
            var polled = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            return poll(&polled, nfds_t(polled.count), 20) > 0
        }
    }
}
