internal import Synchronization

/// Who may open a round where several runs want the same agents: the more urgent run, and of two that are alike the one that
/// has had less of the agents' time. Deficits do not add up: a run that joins begins level with the one that had least.
final class RunShares: Sendable {
    /// What a run wants of the agents that are here.
    struct Wish: Sendable {
        /// Agents that a round of it needs at least, and those that it takes.
        let needed: Int
        let wanted: Int
        /// Agents that are here and free for it.
        let present: Int
    }

    private struct Share {
        var priority: Int
        /// Seconds of agents that it has had.
        var used: Double
        var wish: Wish?
        /// When it wished, seconds since 1970.
        var wished = -Double.infinity
    }

    /// Seconds for which a wish counts: a run that can still use the agents says so again well before.
    private static let freshness = 2.0

    private let shares = Mutex<[String: Share]>([:])

    /// A run begins or goes on; greater priorities go first.
    func join(_ run: String, priority: Int) {
        shares.withLock { shares in
            let least = shares.values.map(\.used).min() ?? 0
            shares[run] = Share(priority: priority, used: least)
        }
    }

    /// A run has ended or is paused.
    func leave(_ run: String) { shares.withLock { $0[run] = nil } }

    /// Whether the run may open a round now. Where it may not, its wish is remembered for a while, and it should ask again.
    func mayOpen(_ run: String, _ wish: Wish, at now: Double) -> Bool {
        shares.withLock { shares in
            guard var own = shares[run] else { return true }
            (own.wish, own.wished) = (wish, now)
            shares[run] = own
            let rivals = shares.filter { other, share in
                guard other != run, let theirs = share.wish, now - share.wished < Self.freshness else {
                    return false
                }
                // Both can have all that they want.
                guard wish.wanted + theirs.wanted > max(wish.present, theirs.present) else { return false }
                return (share.priority, own.used, other) > (own.priority, share.used, run)
            }
            guard rivals.isEmpty else { return false }
            shares[run]?.wish = nil
            return true
        }
    }

    /// A run wants no round any more, or cannot have one.
    func forgetWish(_ run: String) { shares.withLock { $0[run]?.wish = nil } }

    /// A round has ended that had `agents` agents for `seconds`.
    func note(_ run: String, agents: Int, seconds: Double) {
        shares.withLock { $0[run]?.used += Double(agents) * max(seconds, 1e-3) }
    }
}
