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
        /// When it wished last, and since when without a pause, seconds since 1970.
        var wished = -Double.infinity
        var firstWished: Double?
        /// When it was seen to be at work last, wishing or not, seconds since 1970.
        var seen = -Double.infinity
        /// A round of it is open.
        var isInRound = false

        /// A run that was away for long, paused perhaps, does not get what it did not ask for.
        mutating func level(with others: [String: Share], at now: Double) {
            if now - seen > RunShares.absence {
                used = max(
                    used,
                    others.values.filter { now - $0.seen <= RunShares.absence }.map(\.used).min() ?? used)
            }
            seen = now
        }

        /// Whether this one, of the run `name`, goes before another.
        func goesBefore(_ other: Share, _ name: String, _ otherName: String) -> Bool {
            (priority, other.used, otherName) > (other.priority, used, name)
        }
    }

    /// Seconds for which a wish counts: a run that can still use the agents says so again well before.
    private static let freshness = 2.0
    /// Seconds that a run waits for those that go before it to say whether they want the agents: all hear of them at the same
    /// time, but not all look at the same time.
    private static let grace = 0.05
    /// Seconds after which a run was away.
    private static let absence = 60.0
    /// Seconds without a question after which a wish is another one.
    private static let pause = 0.5

    private let shares = Mutex<[String: Share]>([:])

    /// A run begins or goes on; greater priorities go first.
    func join(_ run: String, priority: Int) {
        shares.withLock { shares in
            let least = shares.values.map(\.used).min() ?? 0
            shares[run] = Share(priority: priority, used: least)
        }
    }

    /// A run has ended.
    func leave(_ run: String) { shares.withLock { $0[run] = nil } }

    /// Whether the run may open a round now. Where it may not, its wish is remembered for a while, and it should ask again.
    func mayOpen(_ run: String, _ wish: Wish, at now: Double) -> Bool {
        shares.withLock { shares in
            guard var own = shares[run] else { return true }
            // Whoever has not asked for a while begins to wait anew.
            let first = now - own.wished < Self.pause ? own.firstWished : nil
            own.level(with: shares, at: now)
            (own.wish, own.wished, own.firstWished) = (wish, now, first ?? now)
            let hasWaited = now - (own.firstWished ?? now) >= Self.grace
            let mustWait = shares.contains { other, share in
                guard other != run, !share.isInRound, share.goesBefore(own, other, run) else { return false }
                guard let theirs = share.wish, now - share.wished < Self.freshness else { return !hasWaited }
                // Both can have all that they want.
                return wish.wanted + theirs.wanted > max(wish.present, theirs.present)
            }
            if !mustWait { (own.wish, own.firstWished, own.isInRound) = (nil, nil, true) }
            shares[run] = own
            return !mustWait
        }
    }

    /// A run wants no round now, or cannot have one.
    func forgetWish(_ run: String, at now: Double) {
        shares.withLock { shares in
            guard var own = shares[run] else { return }
            own.level(with: shares, at: now)
            (own.wish, own.firstWished) = (nil, nil)
            shares[run] = own
        }
    }

    /// A round that a run might open was not opened.
    func giveBack(_ run: String) { shares.withLock { $0[run]?.isInRound = false } }

    /// A round has ended that had `agents` agents for `seconds`.
    func note(_ run: String, agents: Int, seconds: Double) {
        shares.withLock { shares in
            shares[run]?.used += Double(agents) * max(seconds, 1e-3)
            shares[run]?.isInRound = false
        }
    }
}
