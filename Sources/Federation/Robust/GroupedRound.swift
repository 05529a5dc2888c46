internal import Compute
package import Encoding
internal import Synchronization

extension TaskPlan {
    /// Groups of a round; 1: all clients are masked together.
    package var maskingGroups: Int { configuration.secureAggregation.groups }
}

/// Rounds whose clients are masked in groups, with a robust rule across the groups' sums: the server sees no single update,
/// and a group with a hostile client is to the rule what a hostile update is elsewhere.
package struct GroupedRound {
    private let plan: TaskPlan

    /// Rounds of a plan.
    package init(_ plan: TaskPlan) { self.plan = plan }

    /// The clients of a round in their groups, drawn by the run's seed and the round: as many each as there can be, the
    /// first ones one more.
    package func groups(of clients: [Int], seed: UInt64, round: Int) -> [[Int]] {
        let count = plan.maskingGroups
        guard count > 1 else { return [clients] }
        var generator = SeededGenerator(seed: seed, purpose: .maskingGroups, round: round)
        var order = clients.sorted().map { Int32($0) }
        order.withUnsafeMutableBufferPointer { generator.shuffle($0) }
        var groups = [[Int]](repeating: [], count: count)
        for (place, client) in order.enumerated() { groups[place % count].append(Int(client)) }
        return groups.map { $0.sorted() }
    }

    /// What the robust rule makes of the groups' sums, in which so many reports are: in the place of one group's sum, with as
    /// many reports as a group has in the mean. Throws ``RoundLoss`` where there are too few.
    package func robustSum(
        ofGroups sums: [RingVector], reports survivors: Int, seed: UInt64, round: Int, threads: Int
    ) throws(RoundLoss) -> (vector: RingVector, weight: Int) {
        guard let robust = plan.robust else { preconditionFailure("a plan without a rule across groups") }
        if let problem = robust.problem(reports: sums.count) { throw RoundLoss(problem) }
        let (count, codec) = (plan.report.count, plan.codec)
        guard !sums.isEmpty else { return (RingVector(zeros: count, bits: codec.bits), 0) }
        let reports = sums.map { sum in
            let words = GroupSum(sum.centred().map { Int32(truncatingIfNeeded: $0) })
            return IndividualReport(words.bytes, as: .integers(bits: 32), keptBy: words)
        }
        var generator = SeededGenerator(seed: seed, purpose: .bucketing, round: round)
        // A ring of whole words for the rule; what it yields is no longer than the longest sum, and fits the narrow one.
        let wide = FixedPointCodec(bits: 32, scale: codec.scale)
        let result = robust.combine(
            reports, count: count, codec: wide, factor: 1, threads: threads, using: &generator)
        let words = result.centred().map { UInt32(truncatingIfNeeded: $0) }
        let weight = max(1, (survivors + sums.count / 2) / sums.count)
        return (RingVector(narrow: words, bits: codec.bits), weight)
    }
}

/// A group's sum as bytes that a rule reads.
private final class GroupSum {
    let bytes: UnsafeRawBufferPointer

    init(_ words: [Int32]) {
        let memory = UnsafeMutableBufferPointer<Int32>.allocate(capacity: words.count)
        _ = memory.initialize(from: words)
        bytes = UnsafeRawBufferPointer(memory)
    }

    deinit { bytes.deallocate() }
}

/// Sums of groups that are formed as reports come, where nothing is masked: the same integers as under masks.
///
/// Workers share it; each adds while no other does.
package final class GroupedSums: Sendable {
    private let places: [Int: Int]
    private let sums: Mutex<[Aggregation]>

    /// Empty sums for these groups of clients.
    package init(_ groups: [[Int]], count: Int, bits: Int) {
        places = Dictionary(
            uniqueKeysWithValues: groups.enumerated().flatMap { place, clients in clients.map { ($0, place) }
            })
        sums = Mutex(groups.map { _ in Aggregation(count: count, bits: bits) })
    }

    /// Calls `add` with the sum of a client's group.
    package func add<Failure: Error>(
        of client: Int, _ add: (inout Aggregation) throws(Failure) -> Void
    ) throws(Failure) {
        guard let place = places[client] else { preconditionFailure("only invited clients report") }
        try sums.withLock { (sums) throws(Failure) in try add(&sums[place]) }
    }

    /// The sums of the groups with at least `minimum` reports, and how many reports are in them.
    package func sums(minimum: Int) -> (vectors: [RingVector], survivors: Int) {
        sums.withLock { sums in
            let enough = sums.filter { $0.reports >= minimum }
            return (enough.map(\.sum), enough.reduce(0) { $0 + $1.reports })
        }
    }
}
