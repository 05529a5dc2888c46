internal import Federation
internal import Ledger
internal import Operations
internal import Privacy

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
final class CatchUpDesk {
    private let context: DeskContext
    private let state: StateDirectory
    private let ledger: ServerLedger
    private let rounds: RoundDesk
    private let books: BookDesk
    private let roster: RosterDesk
    /// What agents say of the rounds that they served.
    private var ahead = AgentsAhead()
    /// Agents of which the log says that they are ahead.
    private var warned: Set<Int> = []

    /// A desk to which no agent has said anything.
    init(
        _ context: DeskContext, state: StateDirectory, ledger: ServerLedger, rounds: RoundDesk,
        books: BookDesk, roster: RosterDesk
    ) {
        self.context = context
        self.state = state
        self.ledger = ledger
        self.rounds = rounds
        self.books = books
        self.roster = roster
    }

    /// Agents that must say so before a number is passed over: one alone could spend the run's budget. After a restore
    /// by `sordino restore` one is believed, since it is known that there is a gap.
    private var witnesses: Int { books.run.restoredThrough != nil || roster.count == 1 ? 1 : 2 }

    /// Takes down what an agent says of its rounds. Where it is believed, an open round is given up.
    func note(_ client: Int, lastRound: Int) {
        ahead.note(client, lastRound: lastRound)
        guard lastRound > rounds.number else { return }
        if warned.insert(client).inserted {
            context.log.warning(
                "an agent has served rounds that this server does not know; was an old state put back?",
                [
                    "agent": .text(roster.name(of: client) ?? ""), "its_round": .integer(lastRound),
                    "round": .integer(rounds.number),
                    "agents_ahead": .integer(ahead.count(beyond: rounds.number)),
                    "needed": .integer(witnesses),
                ])
        }
        guard let last = ahead.believed(beyond: rounds.number, witnesses: witnesses),
            rounds.phase == .collecting
        else { return }
        do {
            // The open round may have been released, too: one number more is passed over, and charged, in its place.
            try books.change { $0.restoredThrough = max(last + 1, $0.restoredThrough ?? 0) }
            rounds.fail("agents have served later rounds: this state is an old one")
        } catch {
            context.storageFailed("give up round \(rounds.number)", error)
        }
    }

    /// Passes over the numbers that agents have served, if there are any; whether no round may be opened yet.
    func passesOverServedRounds() -> Bool {
        let last = max(
            ahead.believed(beyond: books.run.round, witnesses: witnesses) ?? 0,
            books.run.restoredThrough ?? 0)
        guard last > books.run.round else { return false }
        do {
            try passOver(
                through: last,
                why: "agents served them, this server's state is of before round \(books.run.round + 1)")
            context.boardChanged()
            return false
        } catch {
            context.storageFailed("pass over rounds up to \(last)", error)
            return true
        }
    }

    /// After a restart: ends what a process before began: a gap whose rounds are not all charged, or a restored state
    /// whose rounds may have been released before it was lost. Throws where that cannot be written.
    func takeUpGap() throws {
        let run = books.run
        guard !books.isFinished else { return }
        if let gap = ledger.gap, gap.rounds.lowerBound == run.round + 1 {
            try passOver(gap, why: "")
            return
        }
        guard let through = run.restoredThrough else { return }
        let isTreeOpen = run.charged % (context.plan.privacy?.roundsPerEvent ?? 1) != 0
        guard through > run.round || isTreeOpen else { return }
        try passOver(
            through: max(through, run.round),
            why: "they may have been released before this state was restored")
    }

    /// Never uses the numbers up to `last`, and charges them: their models were, or may have been, released. In trees
    /// of noise the rest of the tree is passed over as well, of matrix noise the rest of the run: nobody knows who took part.
    private func passOver(through last: Int, why: String) throws {
        let run = books.run
        var end = last
        if let window = context.plan.privacy?.roundsPerEvent {
            end += (window - (run.charged + last - run.round) % window) % window
        }
        guard end > run.round, let gap = LedgerGap(run.round + 1, end) else {
            throw Failure(.internalFault, "there is no gap up to round \(end)")
        }
        try passOver(gap, why: why)
    }

    private func passOver(_ gap: LedgerGap, why: String) throws {
        try ledger.charge(gap, after: books.run.charged, why: why.isEmpty ? "passed over" : why)
        try books.change { run in
            run.round = gap.rounds.upperBound
            run.charged += gap.rounds.count
            run.treeNoiseSHA256 = nil
        }
        // A new tree has a new key: the old one's noise may be in models elsewhere.
        try AtomicFile.remove(state.treeNoisePath)
        rounds.restart(after: books, round: books.run.round, charged: books.run.charged)
        context.log.warning(
            "round numbers are passed over, and charged",
            [
                "first": .integer(gap.rounds.lowerBound), "last": .integer(gap.rounds.upperBound),
                "why": .text(why),
            ])
    }
}
