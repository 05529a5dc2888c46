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
    /// Rounds in the order charged, which is that of their numbers.
    package private(set) var rounds: [Round] = []
    package private(set) var isClosed = false

    package init() {}

    /// The round of this number, if it was ever charged.
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
        case .open, .admin: return Change(kind: .nothing)
        case .charge(let number, let costs):
            guard number > 0 else { throw .roundNotPositive(number) }
            if let latest = rounds.last?.number, number <= latest {
                throw .roundNotNew(round: number, latest: latest)
            }
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
            count(round.costs)
        case .set(let index, let progress):
            let before = rounds[index].costs
            rounds[index].progress = progress
            let after = rounds[index].costs
            guard after != before else { return }
            discount(before)
            count(after)
        case .close: isClosed = true
        }
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
