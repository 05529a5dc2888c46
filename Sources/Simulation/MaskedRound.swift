internal import Cryptography
internal import Dispatch
package import Encoding
package import Federation
internal import SecureAggregation
internal import Synchronization

/// One round of secure aggregation with every member in this process: the state machines that agents and server
/// run, with real keys, shares and masks, all messages through their bytes (`--secagg real`).
///
/// All invited clients exchange keys and shares; those who report mask their vectors as they come, the others are
/// drop-outs whose masks the survivors help to remove. The sum that comes out equals the unmasked one bit for bit.
package final class MaskedRound: Sendable {
    /// A member of the round and its side of the protocol.
    private struct Participant: Sendable {
        let identity: MemberIdentity
        let member: MaskedMember
    }

    private let participants: [Int: Participant]
    private let collection: Mutex<MaskedGroups>
    /// Drop-outs follow the virtual clock of the round engine; within a step nobody is late.
    private static let (start, end) = (Instant(nanoseconds: 0), Instant(nanoseconds: .max / 4))

    /// Runs the steps `keys` and `shares`, the members' side on `threads` threads. Throws
    /// ``SecureAggregationError`` where the cohort cannot be protected.
    package init(
        invited: [Int], plan: TaskPlan, seed: UInt64, round: Int, model: [Float], threads: Int
    ) throws {
        let binding = try plan.binding(
            run: "simulation", round: round, modelDigest: model.withUnsafeBytes { try SHA256.hash($0) })
        let members = try Self.parallel(invited, threads: threads) { _ in
            try KeyedMember(key: Signature.PrivateKey())
        }
        let verifier = MemoizingVerifier(PinnedMembers(Set(members.map(\.identity))))
        let policy = AggregationPolicy(minimalSurvivors: 2, assumptions: binding.assumptions)
        let participants = try members.map { member in
            var record = ParticipationRecord()
            return Participant(
                identity: member.identity,
                member: try MaskedMember(
                    binding: binding, policy: policy, member: member, verifier: verifier,
                    participation: &record))
        }
        let known = Dictionary(uniqueKeysWithValues: zip(invited, participants))
        self.participants = known
        let groups = GroupedRound(plan).groups(of: invited, seed: seed, round: round).map {
            $0.compactMap { known[$0]?.identity }
        }
        collection = Mutex(
            MaskedGroups(
                binding: binding, verifier: verifier, groups: groups, opened: Self.start,
                collectionDeadline: Self.end))
        for step in [ProtocolStep.keys, .shares] { try play(step, participants, threads: threads) }
    }

    /// One step of all the given members: the server's messages, their answers, and the end of the step.
    private func play(_ step: ProtocolStep, _ participants: [Participant], threads: Int) throws {
        let asking = collection.withLock { $0 }
        let answers = try Self.parallel(participants, threads: threads) { participant in
            let message = step == .keys ? [] : try asking.message(step, for: participant.identity) ?? []
            return try participant.member.answer(step, to: message)
        }
        try collection.withLock { collection in
            for (participant, bytes) in zip(participants, answers) {
                try collection.receive(step, bytes, from: participant.identity, at: Self.start)
            }
            if step != .unmask { _ = try collection.closeSteps(at: Self.start) }
        }
    }

    /// Masks a client's report and hands it to the server, which adds it and forgets it.
    package func deliver(_ report: RingVector, from client: Int) throws {
        guard let participant = participants[client] else {
            preconditionFailure("only invited clients report")
        }
        let delivery = try collection.withLock { try $0.message(.masked, for: participant.identity) } ?? []
        let hidden = try participant.member.hide(report, delivery: delivery)
        try collection.withLock { try $0.receive(hidden, from: participant.identity) }
    }

    /// Runs the steps `consistency` and `unmask` with the survivors, on `threads` threads, and opens the sums: one, or that of
    /// each group that is not lost, and how many reports are in them.
    package func open(survivors: [Int], threads: Int) throws -> (vectors: [RingVector], survivors: Int) {
        try collection.withLock { try $0.closeMasked(at: Self.start) }
        for step in [ProtocolStep.consistency, .unmask] {
            let going = collection.withLock { $0 }
            let members = survivors.compactMap { participants[$0] }.filter { going.goesOn($0.identity) }
            try play(step, members, threads: threads)
        }
        return try collection.withLock { collection in
            try collection.openSums(at: Self.end, threads: threads)
            return collection.sums
        }
    }

    /// What `body` makes of each item, in order; the items are spread over `threads` threads. Throws one of the
    /// errors of `body`.
    private static func parallel<Item: Sendable, Result: Sendable>(
        _ items: [Item], threads: Int, _ body: @Sendable (Item) throws -> Result
    ) throws -> [Result] {
        let next = Atomic<Int>(0)
        let results = Mutex<[Result?]>(Array(repeating: nil, count: items.count))
        let failure = Mutex<(any Error)?>(nil)
        DispatchQueue.concurrentPerform(iterations: max(1, min(threads, items.count))) { _ in
            while true {
                let index = next.add(1, ordering: .relaxed).oldValue
                guard index < items.count else { return }
                do {
                    let result = try body(items[index])
                    results.withLock { $0[index] = result }
                } catch {
                    failure.withLock { $0 = error }
                    return
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        return results.withLock { $0.compactMap(\.self) }
    }
}
