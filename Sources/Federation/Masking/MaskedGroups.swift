package import Encoding
package import SecureAggregation

/// The server's side of one masked round whose members are masked in groups: each group runs the protocol of its own as
/// if it were the round, so that the server sees one sum a group and nothing of single reports.
///
/// With one group it is a ``MaskedCollection``. With several, a group that cannot be protected or opened is left out of the
/// round and the others go on.
package struct MaskedGroups: Sendable {
    private struct Group: Sendable {
        var collection: MaskedCollection
        var sum: RingVector?
        /// Members whose reports are in the sum.
        var survivors = 0
        /// Why it is left out; nil while it is not.
        var loss: SecureAggregationError?
        /// Whether it may still send or open something.
        var isOpen: Bool { loss == nil && sum == nil }
    }

    private var groups: [Group]
    private let places: [MemberIdentity: Int]

    /// A round with these groups of invited members; the deadlines are those of ``MaskedCollection``.
    package init(
        binding: RoundBinding, verifier: any MemberVerifier, groups: [[MemberIdentity]], opened: Instant,
        collectionDeadline: Instant, isScheduled: Bool = false
    ) {
        precondition(!groups.isEmpty, "a round has a group")
        self.groups = groups.map { members in
            Group(
                collection: MaskedCollection(
                    binding: binding, verifier: verifier, invited: members, opened: opened,
                    collectionDeadline: collectionDeadline, isScheduled: isScheduled))
        }
        places = Dictionary(
            uniqueKeysWithValues: groups.enumerated().flatMap { place, members in members.map { ($0, place) }
            })
    }

    // MARK: Questions

    /// The step of the group that is farthest behind, among those that go on.
    package var step: ProtocolStep { open.map(\.collection.step).min() ?? .finished }

    /// Whether any group takes messages of this step.
    package func takes(_ step: ProtocolStep) -> Bool { open.contains { $0.collection.step == step } }

    /// Degree and threshold of the first group that has them.
    package var parameters: SecureAggregationParameters? {
        groups.lazy.compactMap(\.collection.parameters).first
    }

    /// Members of all rosters; 0 before step `keys` is closed.
    package var memberCount: Int { groups.reduce(0) { $0 + $1.collection.memberCount } }

    /// Groups that are left out.
    package var lostCount: Int { groups.count { $0.loss != nil } }

    /// When the next step of a group ends at the latest; nil where no group goes on.
    package var deadline: Instant? { open.map(\.collection.deadline).min() }

    private var open: [Group] { groups.filter(\.isOpen) }

    /// Whether the member's group is neither left out nor done.
    package func goesOn(_ identity: MemberIdentity) -> Bool {
        places[identity].map { groups[$0].isOpen } ?? false
    }

    // MARK: Messages

    /// As ``MaskedCollection/receive(_:_:from:at:)``, by the member's group.
    package mutating func receive(
        _ step: ProtocolStep, _ bytes: [UInt8], from identity: MemberIdentity, at now: Instant
    ) throws(SecureAggregationError) {
        try groups[place(of: identity)].collection.receive(step, bytes, from: identity, at: now)
    }

    /// As ``MaskedCollection/receive(report:from:)``.
    package mutating func receive(report: RingVector, from identity: MemberIdentity) throws {
        let place = try place(of: identity)
        try groups[place].collection.receive(report: report, from: identity)
        groups[place].survivors += 1
    }

    /// As ``MaskedCollection/receive(_:from:)``.
    package mutating func receive(_ report: HiddenReport, from identity: MemberIdentity) throws {
        let place = try place(of: identity)
        try groups[place].collection.receive(report, from: identity)
        groups[place].survivors += 1
    }

    /// As ``MaskedCollection/message(_:for:)``.
    package func message(
        _ step: ProtocolStep, for identity: MemberIdentity
    ) throws(SecureAggregationError) -> [UInt8]? {
        try groups[place(of: identity)].collection.message(step, for: identity)
    }

    private func place(of identity: MemberIdentity) throws(SecureAggregationError) -> Int {
        guard let place = places[identity] else { throw .unknownMember }
        if let loss = groups[place].loss { throw loss }
        return place
    }

    /// A member gave the round up.
    package mutating func leave(_ identity: MemberIdentity) {
        guard let place = places[identity] else { return }
        groups[place].collection.leave(identity)
    }

    // MARK: Time

    /// Whether a step of a group is to be closed now.
    package func isDue(at now: Instant) -> Bool { open.contains { $0.collection.isDue(at: now) } }

    /// Ends the steps that are due. Returns the members that were waited for in vain, and all of a group that is left out.
    /// Throws where no group is left.
    package mutating func closeSteps(at now: Instant) throws(SecureAggregationError) -> Set<MemberIdentity> {
        var missing: Set<MemberIdentity> = []
        for place in groups.indices where groups[place].isOpen {
            guard groups[place].collection.isDue(at: now) else { continue }
            do throws(SecureAggregationError) {
                missing.formUnion(try groups[place].collection.closeStep(at: now))
            } catch {
                missing.formUnion(places.filter { $0.value == place }.keys)
                try lose(place, error)
            }
        }
        return missing
    }

    /// Ends step `masked` of all groups. Throws where none is left.
    package mutating func closeMasked(at now: Instant) throws(SecureAggregationError) {
        for place in groups.indices where groups[place].isOpen {
            do throws(SecureAggregationError) {
                try groups[place].collection.closeMasked(at: now)
            } catch {
                try lose(place, error)
            }
        }
    }

    private mutating func lose(_ place: Int, _ error: SecureAggregationError) throws(SecureAggregationError) {
        groups[place].loss = error
        guard groups.contains(where: { $0.loss == nil }) else { throw error }
    }

    // MARK: The sums

    /// Whether to try to open a sum.
    package func canOpen(at now: Instant) -> Bool { open.contains { $0.collection.canOpen(at: now) } }

    /// Removes the masks of the groups that can be opened, on `threads` threads. A group whose shares do not do, and to which
    /// none can come any more, is left out; throws where no group is left. Whether all are done says ``isFinished``.
    package mutating func openSums(at now: Instant, threads: Int) throws(SecureAggregationError) {
        for place in groups.indices
        where groups[place].isOpen && groups[place].collection.canOpen(at: now) {
            do throws(SecureAggregationError) {
                groups[place].sum = try groups[place].collection.open(threads: threads)
            } catch {
                // Shares that opened nothing are gone: more of them help no more than later ones.
                let isOver = groups[place].collection.step == .finished
                if isOver || groups[place].collection.isLast(at: now) { try lose(place, error) }
            }
        }
    }

    /// Whether every group is open or left out.
    package var isFinished: Bool { open.isEmpty }

    /// The exact sums of the groups that were opened, and how many reports are in them.
    package var sums: (vectors: [RingVector], survivors: Int) {
        let opened = groups.filter { $0.sum != nil }
        return (opened.compactMap(\.sum), opened.reduce(0) { $0 + $1.survivors })
    }
}
