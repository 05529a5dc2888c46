internal import Federation

/// How one simulated client's round went, as its worker reports it.
package struct ClientResult: Sendable {
    /// Nil when the report is in its worker's sum; otherwise why there is none.
    package var failure: String?
    /// Why local work failed where nobody may see that it did: the report in the sum is then one of noise alone.
    package var hiddenFailure: String?
    /// L2 norm of the update before clipping.
    package var norm: Double
    package var wasClipped: Bool
    /// Mean training loss of the client's examples.
    package var loss: Double
    /// Weight of the client in the mean: its examples, or 1 where weights are uniform.
    package var weight: Int
    /// Example passes: examples × epochs.
    package var examples: Int
}

/// Steps a round engine over the virtual clock until its collection closes.
///
/// Which reports a round takes depends on when they arrive, and whether a client reports at all may depend on
/// its training. Arrival times are known beforehand, so the clients that the engine accepts are trained in
/// parallel; should one of them fail, the engine, a value, is rewound and the round replayed with that failure
/// at the time when the report would have come. No client is trained twice.
struct RoundExecution {
    /// A client's answer on the virtual clock.
    private struct Arrival {
        let client: Int
        let at: Instant
    }

    /// What a closed collection leaves behind.
    struct Outcome {
        var engine: RoundEngine
        /// Virtual time at which the collection closed.
        var closedAt: Instant
        /// The engine's actions from the closing on: the sum, or why the round was abandoned.
        var actions: [RoundAction]
        /// Accepted clients and their results, ascending by client.
        var results: [(client: Int, result: ClientResult)]
        /// Why accepted clients had to be replaced, with their number.
        var failures: [String: Int]
    }

    private let arrivals: [Arrival]
    private let deadline: Instant
    private let round: Int

    /// The arrivals of an invitation: those who report, in order of time and then of client.
    init(_ invitation: Invitation, outcome: (Int) -> FleetModel.Outcome) {
        var arrivals: [Arrival] = []
        for client in invitation.clients {
            if case .reports(let seconds) = outcome(client) {
                arrivals.append(Arrival(client: client, at: invitation.opened.advanced(bySeconds: seconds)))
            }
        }
        self.arrivals = arrivals.sorted { ($0.at, $0.client) < ($1.at, $1.client) }
        deadline = invitation.deadline
        round = invitation.round
    }

    /// Plays the round from the engine's state after the invitation. `train` trains the given clients and
    /// returns one result each, in order.
    func play(_ engine: RoundEngine, train: ([Int]) -> [ClientResult]) -> Outcome {
        var results: [Int: ClientResult] = [:]
        while true {
            var attempt = engine
            let failed = results.filter { $0.value.failure != nil }
            let (accepted, actions, closedAt) = replay(&attempt, failed: failed)
            let fresh = accepted.filter { results[$0] == nil }
            if fresh.isEmpty {
                let taken = accepted.sorted().compactMap { client in results[client].map { (client, $0) } }
                return Outcome(
                    engine: attempt, closedAt: closedAt, actions: actions, results: taken,
                    failures: failed.values.reduce(into: [:]) { $0[$1.failure ?? "", default: 0] += 1 })
            }
            for (client, result) in zip(fresh, train(fresh)) { results[client] = result }
        }
    }

    private func replay(
        _ engine: inout RoundEngine, failed: [Int: ClientResult]
    ) -> (accepted: [Int], actions: [RoundAction], closedAt: Instant) {
        var accepted: [Int] = []
        for arrival in arrivals {
            guard arrival.at < deadline else { break }
            let actions: [RoundAction]
            if failed[arrival.client] == nil {
                switch engine.offer(client: arrival.client, round: round, at: arrival.at) {
                case .accepted(let then):
                    accepted.append(arrival.client)
                    actions = then
                case .refused: continue
                }
            } else {
                switch engine.giveUp(client: arrival.client, round: round, at: arrival.at) {
                case .noted(let then): actions = then
                case .refused: continue
                }
            }
            if engine.phase != .collecting { return (accepted, actions, arrival.at) }
        }
        return (accepted, engine.tick(at: deadline), deadline)
    }
}
