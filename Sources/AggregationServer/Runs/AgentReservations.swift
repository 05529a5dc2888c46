internal import Messages
internal import Synchronization

/// Which agents are taken by rounds of which run: one agent serves one round at a time, so that a round that could do with
/// others does not count on one that is at work elsewhere.
final class AgentReservations: Sendable {
    private struct Reservation {
        let run: String
        let round: Int
        /// Seconds since 1970 after which nobody waits for the agent.
        let until: Double
    }

    private let taken = Mutex<[String: Reservation]>([:])

    /// The agents of these names are taken by a round of a run.
    func take(_ names: some Sequence<String>, run: String, round: Int, until: Double) {
        taken.withLock { taken in
            for name in names { taken[name] = Reservation(run: run, round: round, until: until) }
        }
    }

    /// A round has ended: whoever it had is free.
    func release(run: String, round: Int) {
        taken.withLock { taken in taken = taken.filter { $0.value.run != run || $0.value.round > round } }
    }

    /// An agent asks for work: it is free where it says that it has concluded the round that has it.
    func note(_ name: String, _ request: CheckInRequest) {
        taken.withLock { taken in
            guard let reservation = taken[name], reservation.round <= request.lastRound(of: reservation.run)
            else { return }
            taken[name] = nil
        }
    }

    /// The names that another run than `run` has at `now`, seconds since 1970.
    func takenByOthers(than run: String, at now: Double) -> Set<String> {
        taken.withLock { taken in
            Set(taken.filter { $0.value.run != run && $0.value.until > now }.keys)
        }
    }
}
