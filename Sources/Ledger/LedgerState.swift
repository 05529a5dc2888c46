/// Why an entry may not follow the entries before it.
package enum LedgerRuleViolation: Error, Hashable, CustomStringConvertible {
    case notOpened
    case openedTwice
    case closed
    case roundNotPositive(Int)
    case roundNotNew(round: Int, latest: Int)
    case notCharged(round: Int)
    case notSettled(round: Int)
    case alreadySettled(round: Int)
    case alreadyReleased(round: Int)
    case abandoned(round: Int)
    case chargedOtherwise(round: Int)

    package var description: String {
        switch self {
        case .notOpened: "the ledger has not been opened"
        case .openedTwice: "the ledger is opened a second time"
        case .closed: "the ledger was closed"
        case .roundNotPositive(let round): "round \(round) is no round number"
        case .roundNotNew(let round, let latest):
            "round \(round) is charged after round \(latest); numbers only rise and are never used again"
        case .notCharged(let round): "round \(round) has no charge"
        case .notSettled(let round): "round \(round) is released without being settled"
        case .alreadySettled(let round): "round \(round) was settled already, with another sum"
        case .alreadyReleased(let round): "round \(round) was released already"
        case .abandoned(let round): "round \(round) was abandoned"
        case .chargedOtherwise(let round): "round \(round) was charged already, with other events"
        }
    }
}

/// What the entries of a ledger amount to: the state machine of its rules.
package struct LedgerState: Hashable, Sendable {
    /// How far a round has come.
    package enum Progress: Hashable, Sendable {
        case charged
        case settled(LedgerEntry.Settlement)
        case released(LedgerEntry.Settlement, modelDigest: String)
        /// With what it had become when it was settled already.
        case abandoned(after: LedgerEntry.Settlement?)
    }

    /// A round with the worst case it was charged at.
    package struct Round: Hashable, Sendable {
        package let number: Int
        package let charge: LedgerEntry.RoundCosts
        package internal(set) var progress: Progress

        /// What the round counts for: what was realised once it is settled, its charge otherwise. An abandoned
        /// round keeps its charge; only where the server saw the sum it counts there as realised.
        package var costs: LedgerEntry.RoundCosts {
            switch progress {
            case .settled(let settlement), .released(let settlement, _): settlement.costs
            case .charged, .abandoned(nil): charge
            case .abandoned(let settlement?):
                LedgerEntry.RoundCosts(
                    released: charge.released, server: settlement.costs.server, example: charge.example,
                    members: charge.members)
            }
        }
    }

    /// The first line's content, nil before it.
    package private(set) var opening: LedgerEntry.Opening?
    /// Rounds in the order charged, which is that of their numbers: all of them, or the last ones where the state keeps
    /// no more.
    package private(set) var rounds: [Round] = []
    /// Numbers of all rounds ever charged.
    package private(set) var charged = RoundNumbers()
    /// Numbers of all rounds whose models were released.
    package private(set) var released = RoundNumbers()
    /// What the last round was charged at; nil before the first.
    package private(set) var lastCharge: LedgerEntry.RoundCosts?
    /// Agents that administrators shut out for good, by their places in the roster.
    package private(set) var revoked: Set<Int> = []
    package private(set) var isClosed = false

    /// Rounds that are kept one by one at least; nil: all. Of the others only the sums above remain: nothing may be
    /// recorded of them any more.
    package var kept: Int? { didSet { forget() } }

    package init() {}

    /// What a checkpoint says.
    init(_ sums: LedgerCheckpoint.Sums) {
        (opening, charged, released, lastCharge) = (
            sums.opening, sums.charged, sums.released, sums.lastCharge
        )
        (revoked, isClosed, silentRounds) = (sums.revoked, sums.isClosed, sums.silentRounds)
        (releasedEvents, serverEvents) = (sums.releasedEvents, sums.serverEvents)
        (exampleEvents, statedMembersEvents) = (sums.exampleEvents, sums.membersEvents)
    }

    /// All but the single rounds.
    var sums: LedgerCheckpoint.Sums {
        LedgerCheckpoint.Sums(
            opening: opening, charged: charged, released: released, lastCharge: lastCharge, revoked: revoked,
            isClosed: isClosed, releasedEvents: releasedEvents, serverEvents: serverEvents,
            exampleEvents: exampleEvents, membersEvents: statedMembersEvents, silentRounds: silentRounds)
    }

    /// The round of this number, if it was charged and is kept.
    package func round(_ number: Int) -> Round? { index(of: number).map { rounds[$0] } }

    /// Rounds charged and neither released nor abandoned: what a resumed run has to go on with or abandon.
    package var openRounds: [Round] {
        rounds.filter {
            switch $0.progress {
            case .charged, .settled: true
            case .released, .abandoned: false
            }
        }
    }

    /// Every event that counts against whoever sees the released models.
    package private(set) var releasedEvents = LedgerTally()
    /// Every event that counts against the server.
    package private(set) var serverEvents = LedgerTally()
    /// Every event that counts for a single record.
    package private(set) var exampleEvents = LedgerTally()

    /// Every event that counts against other members of the cohorts; nil where a round that cost something does not say.
    package var membersEvents: LedgerTally? { silentRounds == 0 ? statedMembersEvents : nil }

    // Kept rather than added up: a run asks for them several times a round.
    private var statedMembersEvents = LedgerTally()
    /// Rounds that cost something and do not say what against members.
    private var silentRounds = 0

    private mutating func count(_ costs: LedgerEntry.RoundCosts) {
        releasedEvents.add(costs.released)
        serverEvents.add(costs.server)
        exampleEvents.add(costs.example)
        statedMembersEvents.add(costs.members)
        if costs.isSilentOnMembers { silentRounds += 1 }
    }

    private mutating func discount(_ costs: LedgerEntry.RoundCosts) {
        releasedEvents.remove(costs.released)
        serverEvents.remove(costs.server)
        exampleEvents.remove(costs.example)
        statedMembersEvents.remove(costs.members)
        if costs.isSilentOnMembers { silentRounds -= 1 }
    }

    /// What an entry does to the state.
    struct Change {
        fileprivate enum Kind {
            case nothing
            case open(LedgerEntry.Opening)
            case append(Round)
            case set(index: Int, Progress)
            case revoke(Int)
            case close
        }
        fileprivate let kind: Kind
    }

    /// Takes in the next entry, or throws the rule that forbids it and stays as it was.
    package mutating func apply(_ entry: LedgerEntry) throws(LedgerRuleViolation) {
        perform(try change(for: entry))
    }

    /// What the next entry would do, or throws the rule that forbids it.
    func change(for entry: LedgerEntry) throws(LedgerRuleViolation) -> Change {
        guard !isClosed else { throw .closed }
        if case .open(let opening) = entry {
            guard self.opening == nil else { throw .openedTwice }
            return Change(kind: .open(opening))
        }
        guard opening != nil else { throw .notOpened }
        switch entry {
        case .open: return Change(kind: .nothing)
        case .admin(_, let action):
            return Change(kind: LedgerRevocation(action: action).map { .revoke($0.client) } ?? .nothing)
        case .charge(let number, let costs):
            guard number > 0 else { throw .roundNotPositive(number) }
            guard number > charged.last else { throw .roundNotNew(round: number, latest: charged.last) }
            return Change(kind: .append(Round(number: number, charge: costs, progress: .charged)))
        case .settle(let number, let settlement):
            let index = try chargedRound(number)
            guard rounds[index].progress == .charged else { throw .alreadySettled(round: number) }
            return Change(kind: .set(index: index, .settled(settlement)))
        case .release(let number, let digest, _, _):
            let index = try chargedRound(number)
            guard case .settled(let settlement) = rounds[index].progress else {
                throw .notSettled(round: number)
            }
            return Change(kind: .set(index: index, .released(settlement, modelDigest: digest)))
        case .abandon(let number, _):
            let index = try chargedRound(number)
            guard case .settled(let settlement) = rounds[index].progress else {
                return Change(kind: .set(index: index, .abandoned(after: nil)))
            }
            return Change(kind: .set(index: index, .abandoned(after: settlement)))
        case .close: return Change(kind: .close)
        }
    }

    /// Carries a change out that ``change(for:)`` gave of this very state.
    mutating func perform(_ change: Change) {
        switch change.kind {
        case .nothing: break
        case .open(let opening): self.opening = opening
        case .append(let round):
            rounds.append(round)
            charged.insert(round.number)
            lastCharge = round.charge
            count(round.costs)
            forget()
        case .revoke(let client): revoked.insert(client)
        case .set(let index, let progress):
            let before = rounds[index].costs
            rounds[index].progress = progress
            if case .released = progress { released.insert(rounds[index].number) }
            let after = rounds[index].costs
            guard after != before else { return }
            discount(before)
            count(after)
        case .close: isClosed = true
        }
    }

    /// Twice as many are kept at most, so that this is not done with every round.
    private mutating func forget() {
        guard let kept, rounds.count > 2 * kept else { return }
        rounds.removeFirst(rounds.count - kept)
    }

    /// Index of a round that was charged and is neither released nor abandoned.
    private func chargedRound(_ number: Int) throws(LedgerRuleViolation) -> Int {
        guard let index = index(of: number) else { throw .notCharged(round: number) }
        switch rounds[index].progress {
        case .released: throw .alreadyReleased(round: number)
        case .abandoned: throw .abandoned(round: number)
        case .charged, .settled: return index
        }
    }

    /// By bisection: numbers rise.
    private func index(of number: Int) -> Int? {
        var range = 0..<rounds.count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            if rounds[middle].number == number { return middle }
            range =
                rounds[middle].number < number ? (middle + 1)..<range.upperBound : range.lowerBound..<middle
        }
        return nil
    }
}

extension LedgerEntry.RoundCosts {
    fileprivate var isSilentOnMembers: Bool { !released.isEmpty && members.isEmpty }
}
