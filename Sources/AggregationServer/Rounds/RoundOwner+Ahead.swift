internal import Federation
internal import Operations

/// Agents that have served rounds which this server does not know: its state is of an earlier instant than theirs.
struct AgentsAhead {
    /// Rounds that one jump may pass over. Each is charged, so that the bound is also one on what liars can spend of the
    /// run's budget at a time.
    static let longestJump = 10_000

    /// Greatest round that each agent says it has served, by its place.
    private var rounds: [Int: Int] = [:]

    /// What an agent says.
    mutating func note(_ client: Int, lastRound: Int) { rounds[client] = lastRound }

    /// Agents that say that they are beyond a round.
    func count(beyond round: Int) -> Int { rounds.values.count { $0 > round } }

    /// The greatest round beyond `round` that `witnesses` agents or more have served, by what they say; nil where there
    /// is none. What is further away than ``longestJump`` is not believed.
    func believed(beyond round: Int, witnesses: Int) -> Int? {
        let said = rounds.values.filter { $0 > round && $0 - round <= Self.longestJump }.sorted(by: >)
        return said.count >= witnesses ? said[witnesses - 1] : nil
    }
}

/// A server that was put back to an earlier state must not use a round number again: agents do not serve one twice, and
/// a second model under it would be a second release that nobody charged.
extension RoundOwner {
    /// Agents that must say so before a number is passed over: one alone could spend the run's budget. After a restore
    /// by `sordino restore` one is believed, since it is known that there is a gap.
    private var witnesses: Int { run.restoredThrough != nil || roster.count == 1 ? 1 : 2 }

    /// Takes down what an agent says of its rounds. Where it is believed, an open round is given up.
    func note(_ client: Int, lastRound: Int) {
        ahead.note(client, lastRound: lastRound)
        guard lastRound > engine.round else { return }
        let name = roster.name(of: client) ?? ""
        if warnedAhead.insert(client).inserted {
            log.warning(
                "an agent has served rounds that this server does not know; was an old state put back?",
                [
                    "agent": .text(name), "its_round": .integer(lastRound), "round": .integer(engine.round),
                    "agents_ahead": .integer(ahead.count(beyond: engine.round)),
                    "needed": .integer(witnesses),
                ])
        }
        guard let last = ahead.believed(beyond: engine.round, witnesses: witnesses),
            engine.phase == .collecting
        else { return }
        do {
            // The open round may have been released, too: one number more is passed over, and charged, in its place.
            var changed = run
            changed.restoredThrough = max(last + 1, run.restoredThrough ?? 0)
            try keep(changed)
            run = changed
            dispatch(engine.handle(.failed("agents have served later rounds: this state is an old one")))
        } catch {
            storageFailed("give up round \(engine.round)", error)
        }
    }

    /// Passes over the numbers that agents have served, if there are any; whether no round may be opened yet.
    func passesOverServedRounds() -> Bool {
        let last = max(
            ahead.believed(beyond: run.round, witnesses: witnesses) ?? 0, run.restoredThrough ?? 0)
        guard last > run.round else { return false }
        do {
            try passOver(
                through: last,
                why: "agents served them, this server's state is of before round \(run.round + 1)")
            publishBoard()
            return false
        } catch {
            storageFailed("pass over rounds up to \(last)", error)
            return true
        }
    }
}
