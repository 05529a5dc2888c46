internal import Compute
internal import Datasets
internal import Federation
internal import Synchronization

/// The hostile clients of a run: who they are, and what they train on.
struct HostileFleet: Sendable {
    let attack: any Attack
    /// The hostile clients.
    let clients: Set<Int>
    private let seed: UInt64
    /// Their examples, poisoned, and which rows each has; nil where they train on their own.
    private let data: (examples: Examples, rows: [Int: ArraySlice<Int32>])?

    /// Draws the hostile clients and poisons their data. Throws ``ConfigurationError`` where the attack has no meaning on the data.
    init(_ configuration: AttackConfiguration, _ setup: SimulationSetup) throws {
        attack = configuration.attack
        seed = setup.seed
        clients = configuration.hostileClients(of: setup.partition.clientCount, seed: setup.seed)
        try attack.check(setup.training)
        guard attack.poisonsData else {
            data = nil
            return
        }
        var all: [Int32] = []
        var rows: [Int: ArraySlice<Int32>] = [:]
        for client in clients.sorted() {
            let own = setup.partition[client]
            rows[client] = (Int32(all.count)..<Int32(all.count + own.count)).map { $0 }[...]
            all += own
        }
        var generator = SeededGenerator(seed: setup.seed, purpose: .attack, round: 1)
        data = (attack.poisoned(setup.training.taking(all), using: &generator), rows)
    }

    /// What a hostile client trains on in place of its own data; nil where it is those, and for honest clients.
    func data(of client: Int) -> (examples: Examples, indices: ArraySlice<Int32>)? {
        guard let data, let rows = data.rows[client] else { return nil }
        return (data.examples, rows)
    }

    /// The randomness of a hostile client's round.
    fileprivate func generator(_ client: Int, _ round: Int) -> SeededGenerator {
        SeededGenerator(seed: seed, purpose: .attack, client: client + 1, round: round)
    }
}

/// One round under attack: what the hostile have seen of the honest, and what they send.
///
/// Shared by all workers. What it yields does not depend on their number: honest updates are read in the order of clients.
final class HostileRound: Sendable {
    private struct State {
        var round: AttackedRound?
        var honest: [Int: [Float]] = [:]
        var crafted: CraftedUpdate?
    }

    let fleet: HostileFleet
    private let number: Int
    private let state = Mutex(State())

    init(_ fleet: HostileFleet, round: Int) { (self.fleet, number) = (fleet, round) }

    private var attack: any Attack { fleet.attack }

    /// Serves these clients: where the hostile want to see the honest, those first. `serve` returns a result for each client
    /// that it is given, in order.
    func serve(_ clients: [Int], _ serve: ([Int]) -> [ClientResult]) -> [ClientResult] {
        let hostile = clients.filter(fleet.clients.contains)
        state.withLock { state in
            // A client that takes the place of a failed one comes later; the attack was planned for the first.
            state.round = state.round ?? AttackedRound(clients: clients.count, hostile: hostile.count)
        }
        guard attack.watchesHonest, !hostile.isEmpty else { return serve(clients) }
        let honest = clients.filter { !fleet.clients.contains($0) }
        var results: [Int: ClientResult] = [:]
        for (client, result) in zip(honest, serve(honest)) { results[client] = result }
        craft()
        for (client, result) in zip(hostile, serve(hostile)) { results[client] = result }
        return clients.compactMap { results[$0] }
    }

    /// Makes up what all hostile clients send; without an honest update to see they train as everybody.
    private func craft() {
        let (round, honest) = state.withLock { ($0.round, $0.honest) }
        guard let round, !honest.isEmpty else { return }
        let rows = honest.keys.sorted().compactMap { honest[$0] }
        let crafted = CraftedUpdate(attack.crafted(from: HonestUpdates(rows), in: round))
        state.withLock { $0.crafted = crafted }
    }

    /// What a hostile client sends without training; nil where it trains, and for honest clients.
    func crafted(for client: Int) -> CraftedUpdate? {
        guard attack.watchesHonest, fleet.clients.contains(client) else { return nil }
        return state.withLock { $0.crafted }
    }

    /// A client has trained: the hostile look at an honest update, and one of their own is changed on its way. Returns what the
    /// client sends, which lies where `update` does or in `scratch`, of the same length.
    func sent(
        _ update: UnsafeBufferPointer<Float>, by client: Int, scratch: UnsafeMutableBufferPointer<Float>
    ) -> UnsafeBufferPointer<Float> {
        guard fleet.clients.contains(client) else {
            if attack.watchesHonest {
                let copy = Array(update)
                state.withLock { $0.honest[client] = copy }
            }
            return update
        }
        let round = state.withLock { $0.round } ?? AttackedRound(clients: 1, hostile: 1)
        var generator = fleet.generator(client, number)
        _ = scratch.update(fromContentsOf: update)
        attack.distort(scratch, in: round, using: &generator)
        return UnsafeBufferPointer(scratch)
    }

    /// What a client says of the model, given what it measured.
    func claimed(_ metrics: ClientMetrics?, by client: Int) -> ClientMetrics? {
        fleet.clients.contains(client) ? metrics.map(attack.claimed) : metrics
    }
}

/// An update that hostile clients made up; it stays where it is for as long as it is referenced.
///
/// Unchecked because it is written before it is shared and only read after.
final class CraftedUpdate: @unchecked Sendable {
    let values: UnsafeBufferPointer<Float>

    init(_ values: [Float]) {
        let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: values.count)
        _ = memory.initialize(from: values)
        self.values = UnsafeBufferPointer(memory)
    }

    deinit { values.deallocate() }
}
