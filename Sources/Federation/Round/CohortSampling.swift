/// Who could take part in a round.
package enum Candidates: Equatable, Sendable {
    /// The whole roster, clients `0..<count`. Amplification by sampling may only be claimed over this.
    case roster(count: Int)
    /// Those who happen to be here, in ascending order.
    case present([Int])

    /// Number of candidates.
    package var count: Int {
        switch self {
        case .roster(let count): count
        case .present(let clients): clients.count
        }
    }

    /// All of them, in ascending order.
    var all: [Int] {
        switch self {
        case .roster(let count): Array(0..<count)
        case .present(let clients): clients
        }
    }

    /// The others, in ascending order.
    func without(_ excluded: Set<Int>) -> Candidates { .present(all.filter { !excluded.contains($0) }) }

    fileprivate func client(at index: Int) -> Int {
        switch self {
        case .roster: index
        case .present(let clients): clients[index]
        }
    }
}

/// How a round's cohort is drawn. The draw must be kept secret where amplification is claimed.
package enum CohortSampling: Equatable, Sendable {
    /// Exactly `size` candidates without replacement (all of them when there are fewer).
    case fixedSize(Int)
    /// Each candidate independently with this probability.
    case poisson(probability: Double)

    /// Draws a cohort, in ascending order. Time and memory grow with the cohort, not with the roster.
    package func draw(
        from candidates: Candidates, using generator: inout some RandomNumberGenerator
    ) -> [Int] {
        switch self {
        case .fixedSize(let size):
            return Self.distinctIndices(
                min(size, candidates.count), below: candidates.count, using: &generator
            )
            .map(candidates.client)
        case .poisson(let probability):
            return Self.bernoulliIndices(probability, below: candidates.count, using: &generator)
                .map(candidates.client)
        }
    }

    /// `size` distinct indices, uniform over all such sets (Floyd's algorithm, Bentley and Floyd 1987).
    private static func distinctIndices(
        _ size: Int, below bound: Int, using generator: inout some RandomNumberGenerator
    ) -> [Int] {
        var chosen = Set<Int>(minimumCapacity: size)
        for last in (bound - size)..<bound {
            let index = Int(generator.next(upperBound: UInt64(last + 1)))
            if !chosen.insert(index).inserted { chosen.insert(last) }
        }
        return chosen.sorted()
    }

    /// Independent trials. Each compares 64 random bits with the probability, so an inclusion probability is
    /// exact to 2^-64.
    private static func bernoulliIndices(
        _ probability: Double, below bound: Int, using generator: inout some RandomNumberGenerator
    ) -> [Int] {
        if probability >= 1 { return Array(0..<bound) }
        let threshold = UInt64(probability * 0x1p64)
        return (0..<bound).filter { _ in generator.next() < threshold }
    }
}
