internal import Dispatch
internal import Encoding
internal import Foundation
internal import HTTPWire
internal import Messages
internal import Operations
internal import Synchronization
internal import Transport

/// Many agents at once: idle ones that wait for work, or ones that upload.
struct Load {
    /// What the threads of the agents share.
    private final class Shared: Sendable {
        let connected = Atomic<Int>(0)
        let failed = Atomic<Int>(0)
        let accepted = Atomic<Int>(0)
        let bytes = Atomic<Int>(0)
        let begin = Atomic<Bool>(false)
        let firstError = Mutex<String?>(nil)

        func fail(_ error: any Error) {
            failed.add(1, ordering: .relaxed)
            firstError.withLock { $0 = $0 ?? "\(error)" }
        }
    }

    private let agents: TestAgents
    private let count: Int
    private let server: String

    /// `PORT AUTHORITY FOLDER COUNT PID`: the server's port, the authority's folder, a folder for certificates, the
    /// number of agents and the server's process.
    init(_ arguments: [String]) throws {
        guard arguments.count == 5, let port = UInt16(arguments[0]), let count = Int(arguments[3]), count > 0
        else { throw Failure(.usage, "usage: sordino-measure idle|upload PORT AUTHORITY FOLDER COUNT PID") }
        agents = try TestAgents(port: port, authority: arguments[1], folder: arguments[2])
        self.count = count
        server = arguments[4]
    }

    /// Holds `count` long polls open at once, each on a connection of an agent of its own, and prints what of the
    /// server's memory each costs.
    func idle() throws {
        // One agent first: what the first connection allocates is no cost of each.
        let first = try agents.client(0)
        _ = try TestAgents.checkIn(first, waitSeconds: 0)
        let before = try TestAgents.memory(server, "VmRSS")
        let shared = Shared()
        let gate = DispatchSemaphore(value: 64)
        let began = ContinuousClock.now
        let agents = agents
        for index in 1...count {
            _ = try WorkerThread(name: "idle-\(index)") {
                do {
                    gate.wait()
                    let client = Result { () throws -> HTTPClient in
                        defer { gate.signal() }
                        let client = try agents.client(index)
                        _ = try client.serverChain()
                        return client
                    }
                    let connected = try client.get()
                    shared.connected.add(1, ordering: .relaxed)
                    _ = try TestAgents.checkIn(connected, waitSeconds: 60)
                    shared.accepted.add(1, ordering: .relaxed)
                } catch {
                    shared.fail(error)
                }
            }
        }
        while shared.connected.load(ordering: .relaxed) + shared.failed.load(ordering: .relaxed) < count {
            usleep(20_000)
        }
        let seconds = Double((ContinuousClock.now - began).components.seconds)
        // The last requests are on their way.
        sleep(2)
        let after = try TestAgents.memory(server, "VmRSS")
        let answered = shared.accepted.load(ordering: .relaxed)
        guard answered == 0 else {
            throw Failure(.network, "\(answered) agents were answered before all were there")
        }
        let failed = shared.failed.load(ordering: .relaxed)
        let error = shared.firstError.withLock { $0 }
        guard failed == 0 else {
            throw Failure(.network, "\(failed) of \(count) agents failed, the first: \(error ?? "")")
        }
        print(
            "\(count) agents connected and waiting after \(Int(seconds)) s: \((after - before) / count) bytes of "
                + "server memory each, RSS \(before >> 20) -> \(after >> 20) MiB")
    }

    /// All agents get the same round, then upload its report at once; prints the rate and the server's memory.
    func upload() throws {
        let shared = Shared()
        let threads = min(16, count)
        let agents = agents
        let count = count
        let workers = try (0..<threads).map { thread in
            try WorkerThread(name: "upload-\(thread)") {
                do {
                    let mine = stride(from: thread, to: count, by: threads)
                    var clients: [(HTTPClient, RoundOffer?)] = []
                    for index in mine { clients.append((try agents.client(index), nil)) }
                    for index in clients.indices {
                        clients[index].1 = try TestAgents.checkIn(clients[index].0, waitSeconds: 0)
                    }
                    shared.connected.add(clients.count, ordering: .relaxed)
                    for index in clients.indices {
                        while clients[index].1 == nil {
                            clients[index].1 = try TestAgents.checkIn(clients[index].0, waitSeconds: 1)
                        }
                    }
                    let bodies = try clients.compactMap { client, plan in
                        try plan.map { (client, $0, SharedBuffer(try Self.body($0))) }
                    }
                    shared.accepted.add(1, ordering: .relaxed)
                    while !shared.begin.load(ordering: .relaxed) { usleep(1000) }
                    for (client, plan, body) in bodies {
                        let answer = try client.exchange(
                            ClientRequest(
                                .put, AgentProtocol.paths.update(round: plan.round), body: .shared(body)))
                        guard answer.status == 202 else {
                            throw Failure(.network, "\(answer.status): \(answer.reason)")
                        }
                        shared.bytes.add(body.count, ordering: .relaxed)
                    }
                } catch {
                    shared.fail(error)
                }
            }
        }
        while shared.accepted.load(ordering: .relaxed) < threads, shared.failed.load(ordering: .relaxed) == 0
        {
            usleep(10_000)
        }
        let before = try TestAgents.memory(server, "VmRSS")
        let used = (try TestAgents.processorSeconds(server), try TestAgents.processorSeconds("self"))
        let began = ContinuousClock.now
        shared.begin.store(true, ordering: .relaxed)
        for worker in workers { worker.join() }
        let (seconds, attoseconds) = (ContinuousClock.now - began).components
        if let error = shared.firstError.withLock({ $0 }) { throw Failure(.network, error) }
        let elapsed = Double(seconds) + Double(attoseconds) * 1e-18
        let bytes = shared.bytes.load(ordering: .relaxed)
        let cost = (
            try TestAgents.processorSeconds(server) - used.0,
            try TestAgents.processorSeconds("self") - used.1
        )
        let picoseconds = { (seconds: Double) in Int(seconds / Double(bytes) * 1e12) }
        print(
            "\(count) agents uploaded \(bytes / count) bytes each in \(Int(elapsed * 1000)) ms: "
                + "\(Int(Double(bytes) / elapsed / 1e6)) MB/s; server RSS \(before >> 20) MiB before, peak "
                + "\(try TestAgents.memory(server, "VmHWM") >> 20) MiB; processor time a byte: server \(picoseconds(cost.0)) ps, agents \(picoseconds(cost.1)) ps"
        )
    }

    /// A report of the round's shape with small values.
    private static func body(_ plan: RoundOffer) throws -> [UInt8] {
        guard
            let header = UpdateHeader(
                run: plan.run, round: plan.round, weight: 1, count: plan.report.count, bits: plan.report.bits,
                values: plan.privacy == nil ? .floats : .ring)
        else { throw Failure(.internalFault, "the plan has no run") }
        if plan.privacy == nil {
            let values = (0..<plan.report.count).map { Float($0 % 7 - 3) * 0x1p-10 }
            return header.encoded() + values.withUnsafeBytes { Array($0) }
        }
        var vector = RingVector(zeros: plan.report.count, bits: plan.report.bits)
        let values = (0..<plan.report.count).map { Int64($0 % 7) - 3 }
        values.withUnsafeBufferPointer { vector.add(integers: $0) }
        return header.encoded() + vector.packed()
    }
}
