import Compute
import Configuration
import Testing

@testable import Datasets

/// Partitioners on labels of which one class is rare.
@Suite struct UnbalancedTests {
    /// 5,000 rows, 24 % of class 1, as the adult census has them.
    private static let labels: [Int32] = (0..<5000).map { $0 % 25 < 6 ? 1 : 0 }
    private static let subject = PartitionSubject(count: 5000, labels: labels, classCount: 2)

    private func shares(_ scheme: String, clients: Int, seed: UInt64 = 1) throws -> [Double] {
        let section = try Section(JSONValue(json5: "{\(scheme)}".utf8, source: "test"), path: "partition")
        let partition = try PartitionerCatalog.partition(
            Self.subject, section: section, clients: clients, seed: seed)
        return (0..<clients).map { client in
            let ones = partition[client].count { Self.labels[Int($0)] == 1 }
            return Double(ones) / Double(partition.count(of: client))
        }
    }

    /// At α = 100 a client's share of the class is Dir(76 · 2, 24 · 2) about 0.24: deviation √(0.24 · 0.76 / 201) = 0.030,
    /// and 100 rows drawn by it have √(0.24 · 0.76 / 100) = 0.043 more: 0.052 together. No client of 50 lies beyond five
    /// deviations but for one chance in 30,000; a symmetric prior put half of them at one half and half of them at none.
    @Test(arguments: ["", ", with_replacement: true, examples_per_client: 100"])
    func aWeakSkewLeavesTheSharesAlone(keys: String) throws {
        for seed in UInt64(1)...3 {
            let shares = try shares("scheme: 'dirichlet', alpha: 100" + keys, clients: 50, seed: seed)
            #expect(shares.allSatisfy { abs($0 - 0.24) < 5 * 0.052 }, "\(shares)")
            let mean = shares.reduce(0, +) / 50
            let spread = (shares.reduce(0) { $0 + ($1 - 0.24) * ($1 - 0.24) } / 50).squareRoot()
            #expect(abs(mean - 0.24) < 0.03 && spread < 0.1)
        }
    }

    /// E[q] = p whatever α is; with the class's own share 0.24 and not one half. Drawn with replacement, so that no class
    /// runs out. Deviation of a client's share: below √(0.24 · 0.76) = 0.43, of the mean of 2,000 below 0.0096.
    @Test(arguments: [0.1, 1, 100])
    func meanSharesAreTheClasses(alpha: Double) throws {
        let shares = try shares(
            "scheme: 'dirichlet', alpha: \(alpha), with_replacement: true, examples_per_client: 20",
            clients: 2000)
        #expect(abs(mean(shares) - 0.24) < 5 * 0.0096)
    }

    @Test func aStrongSkewStaysStrong() throws {
        let shares = try shares(
            "scheme: 'dirichlet', alpha: 0.1, with_replacement: true, examples_per_client: 20", clients: 500)
        #expect(shares.count { $0 < 0.1 || $0 > 0.9 } > 350)
    }

    /// Balanced classes have the parameter that was stated, to the last bit; classes without rows have none.
    @Test func balancedClassesHaveAlphaEach() {
        let balanced: [Int32] = (0..<70).map { Int32($0 % 7) }
        #expect(
            DirichletPartitioner.shapes(labels: balanced, classCount: 7, alpha: 0.3)
                == Array(repeating: 0.3, count: 7))
        let gap = DirichletPartitioner.shapes(labels: [0, 0, 2, 2], classCount: 3, alpha: 1)
        #expect(gap == [1.5, 0, 1.5])
        var generator = SeededGenerator(seed: 1, purpose: .test)
        #expect(DirichletPartitioner.proportions(shapes: gap, using: &generator)[1] == 0)
    }

    private func mean(_ shares: [Double]) -> Double { shares.reduce(0, +) / Double(shares.count) }

    /// 50 clients of 100 rows: deviation 0.043 (and less without replacement).
    @Test(arguments: ["", ", examples_per_client: 100, with_replacement: true"])
    func uniformSamplesKeepTheShares(keys: String) throws {
        let shares = try shares("scheme: 'iid'" + keys, clients: 50)
        #expect(shares.allSatisfy { abs($0 - 0.24) < 5 * 0.043 })
    }

    @Test func quantitiesKeepTheSharesOfLargeClients() throws {
        let shares = try shares("scheme: 'quantity', exponent: 0.5, min_examples: 20", clients: 20)
        let deviation: Double = (0.24 * 0.76 / 20).squareRoot()
        #expect(shares.allSatisfy { abs($0 - 0.24) < 5 * deviation })
        #expect(abs(mean(shares) - 0.24) < 0.05)
    }

    /// Of 100 shards about 24 are of the rare class; each client holds two.
    @Test func shardsAreAsManyAsTheClassIsLarge() throws {
        let shares = try shares("scheme: 'shards', shards_per_client: 2", clients: 50)
        #expect(abs(mean(shares) - 0.24) < 1e-9, "sizes are equal, and no row is lost")
        #expect(shares.contains(0))
    }

    /// One class a client, drawn by size: 2,000 draws of 0.24 deviate by 0.0096.
    @Test func drawnShardsMeetLargeClassesMoreOften() throws {
        let shares = try shares(
            "scheme: 'shards', shards_per_client: 1, with_replacement: true, examples_per_client: 5",
            clients: 2000)
        #expect(shares.allSatisfy { $0 == 0 || $0 == 1 })
        #expect(abs(mean(shares) - 0.24) < 5 * 0.0096)
    }
}
