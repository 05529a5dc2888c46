import Compute
import Configuration
import Testing

@testable import Datasets

@Suite struct PartitionerTests {
    /// 1,003 rows of 7 classes and 23 groups.
    private static let subject = PartitionSubject(
        count: 1003, labels: (0..<1003).map { Int32($0 * 31 % 97 % 7) }, classCount: 7,
        groups: (0..<1003).map { Int32($0 * $0 % 23) }, groupNames: (0..<23).map { "group \($0)" })

    private static let keys: [String: String] = ["dirichlet": "alpha: 0.1", "natural": "min_examples: 1"]
    static let schemes = PartitionerCatalog.entries.map(\.name)

    private func partition(
        _ scheme: String, _ keys: String? = nil, clients: Int?, seed: UInt64 = 1,
        subject: PartitionSubject = Self.subject
    ) throws -> Partition {
        let text = "{scheme: '\(scheme)', \(keys ?? Self.keys[scheme] ?? "")}"
        let section = try Section(JSONValue(json5: text.utf8, source: "test"), path: "partition")
        return try PartitionerCatalog.partition(subject, section: section, clients: clients, seed: seed)
    }

    @Test(arguments: schemes, [1, 2, 7, 11])
    func noRowIsHeldTwice(scheme: String, clients: Int) throws {
        for seed in UInt64(1)...5 {
            let partition = try partition(scheme, clients: clients, seed: seed)
            #expect(partition.clientCount == clients)
            let rows = (0..<clients).flatMap { partition[$0] }
            #expect(rows.count == partition.rowCount)
            #expect(Set(rows).count == rows.count)
            #expect(rows.allSatisfy { (0..<1003).contains($0) })
            #expect(
                (0..<clients).allSatisfy {
                    partition.count(of: $0) == partition[$0].count && !partition[$0].isEmpty
                })
            if scheme != "natural" && scheme != "column" { #expect(rows.count == 1003) }
        }
    }

    @Test(arguments: schemes)
    func theSeedDecides(scheme: String) throws {
        let first = try partition(scheme, clients: 10)
        #expect(try partition(scheme, clients: 10) == first)
        #expect(try partition(scheme, clients: 10, seed: 2) != first)
    }

    @Test(arguments: schemes)
    func tooManyClientsAreRefused(scheme: String) throws {
        for clients in [0, -1, 1004, Int.max] {
            let failure = #expect(throws: ConfigurationError.self) { try partition(scheme, clients: clients) }
            #expect(failure?.path == "partition")
        }
        #expect(throws: ConfigurationError.self) { try partition(scheme, "typo: 1, alpha: 1", clients: 3) }
    }

    @Test(arguments: ["iid", "dirichlet", "shards"])
    func manySimulatedClientsFitWithReplacement(scheme: String) throws {
        let keys =
            "with_replacement: true, examples_per_client: 3" + (scheme == "dirichlet" ? ", alpha: 1" : "")
        let partition = try partition(scheme, keys, clients: 20_000)
        #expect(partition.clientCount == 20_000 && partition.rowCount == 60_000)
        #expect((0..<20_000).allSatisfy { partition.count(of: $0) == 3 })
        #expect(Set((0..<20_000).flatMap { partition[$0] }).count == 1003, "every row is drawn by someone")
    }

    @Test(arguments: ["iid", "dirichlet", "shards"])
    func sizesAreNearlyEqual(scheme: String) throws {
        let partition = try partition(scheme, clients: 37)
        let sizes = (0..<37).map { partition.count(of: $0) }
        let spread = (sizes.max() ?? 0) - (sizes.min() ?? 0)
        #expect(spread <= 1)
        let few = try self.partition(
            scheme, "examples_per_client: 5" + (scheme == "dirichlet" ? ", alpha: 1" : ""), clients: 37)
        #expect((0..<37).allSatisfy { few.count(of: $0) == 5 })
    }

    /// Mean share of a client's most frequent class.
    private func skew(_ partition: Partition) -> Double {
        let labels = Self.subject.labels ?? []
        let shares = (0..<partition.clientCount).map { client -> Double in
            let counts = Dictionary(grouping: partition[client], by: { labels[Int($0)] }).values.map(\.count)
            return Double(counts.max() ?? 0) / Double(partition.count(of: client))
        }
        return shares.reduce(0, +) / Double(shares.count)
    }

    @Test func alphaSetsTheSkew() throws {
        let strong = skew(try partition("dirichlet", "alpha: 0.05", clients: 20))
        let middling = skew(try partition("dirichlet", "alpha: 1", clients: 20))
        let weak = skew(try partition("dirichlet", "alpha: 1000", clients: 20))
        #expect(strong > 0.6 && strong > middling && middling > weak && weak < 0.35)
    }

    /// E[p_i] = 1/k and Var[p_i] = (k - 1) / (k² (k alpha + 1)); bounds are over five standard errors wide.
    @Test(arguments: [0.01, 0.5, 3])
    func proportionsHaveDirichletMoments(alpha: Double) {
        var generator = SeededGenerator(seed: 5, purpose: .test)
        let draws = (0..<4000).map { _ in
            DirichletPartitioner.proportions(shapes: Array(repeating: alpha, count: 4), using: &generator)
        }
        #expect(draws.allSatisfy { abs($0.reduce(0, +) - 1) < 1e-9 && $0.allSatisfy { $0 >= 0 } })
        let mean = draws.map { $0[0] }.reduce(0, +) / 4000
        let variance = draws.map { ($0[0] - mean) * ($0[0] - mean) }.reduce(0, +) / 4000
        let expected = 3 / (16 * (4 * alpha + 1))
        #expect(abs(mean - 0.25) < 5 * (expected / 4000).squareRoot())
        #expect(abs(variance - expected) < 0.15 * expected)
    }

    @Test func shardsHoldFewClasses() throws {
        let labels = Self.subject.labels ?? []
        let partition = try partition("shards", "shards_per_client: 2", clients: 50)
        for client in 0..<50 {
            // A shard may straddle the border of two classes.
            #expect(Set(partition[client].map { labels[Int($0)] }).count <= 4)
        }
        let drawn = try self.partition(
            "shards", "shards_per_client: 2, with_replacement: true, examples_per_client: 9", clients: 50)
        #expect((0..<50).allSatisfy { Set(drawn[$0].map { labels[Int($0)] }).count == 2 })
    }

    @Test func quantitiesFollowThePowerLaw() throws {
        let partition = try partition("quantity", "exponent: 1, min_examples: 2", clients: 10)
        let sizes = (0..<10).map { partition.count(of: $0) }.sorted(by: >)
        let harmonic = (1...10).reduce(0.0) { $0 + 1 / Double($1) }
        for (rank, size) in sizes.enumerated() {
            #expect(abs(Double(size) - 2 - 983 / harmonic / Double(rank + 1)) <= 1)
        }
    }

    @Test func naturalClientsAreTheGroups() throws {
        let subject = Self.subject
        let all = try partition("natural", clients: nil)
        for client in 0..<all.clientCount {
            #expect(Set(all[client].map { subject.groups[Int($0)] }).count == 1)
        }
        #expect(all.rowCount == 1003)
        let large = try partition("column", "min_examples: 60", clients: nil)
        #expect(
            large.clientCount < all.clientCount
                && (0..<large.clientCount).allSatisfy { large.count(of: $0) >= 60 })
        let plain = PartitionSubject(count: 10, labels: nil, classCount: 0)
        #expect(throws: ConfigurationError.self) { try partition("natural", clients: nil, subject: plain) }
        #expect(throws: ConfigurationError.self) { try partition("dirichlet", clients: 2, subject: plain) }
        #expect(throws: ConfigurationError.self) { try partition("shards", clients: 2, subject: plain) }
        #expect(try partition("iid", clients: 2, subject: plain).rowCount == 10)
    }
}
