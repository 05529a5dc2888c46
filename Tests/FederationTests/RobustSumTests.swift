import Compute
import Configuration
import Encoding
import Testing

@testable import Federation

/// Rules on many numbers beside the plainest way to compute them.
@Suite struct RobustSumTests {
    static let sizes = [(5, 3), (16, 64), (23, 65), (40, 3000)]

    private func columns(_ rows: [[Float]], _ reduce: ([Double]) -> Double) -> [Double] {
        rows[0].indices.map { column in reduce(rows.map { Double($0[column]) }.sorted()) }
    }

    private func expectClose(
        _ found: [Double], _ expected: [Double], _ what: String, within tolerance: Double = 1e-6
    ) {
        #expect(found.count == expected.count)
        let worst = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
        #expect(worst < tolerance, "\(what): \(worst)")
    }

    @Test(arguments: sizes) func coordinates(_ rows: Int, _ width: Int) throws {
        let updates = RobustFixture.rows(rows, width, seed: 1)
        for cut in [1, (rows - 1) / 2] {
            expectClose(
                try RobustFixture.combine("{rule: 'trimmed-mean', hostile: \(cut)}", updates),
                columns(updates) { $0[cut..<(rows - cut)].reduce(0, +) / Double(rows - 2 * cut) },
                "cut \(cut)")
        }
        expectClose(
            try RobustFixture.combine("{rule: 'median'}", updates),
            columns(updates) { ($0[(rows - 1) / 2] + $0[rows / 2]) / 2 }, "median")
    }

    private func distances(_ rows: [[Float]]) -> [[Double]] {
        rows.map { row in
            rows.map {
                zip(row, $0).reduce(0) { $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) }
            }
        }
    }

    /// Updates that share a direction, so that distances are small beside norms.
    private func similar(_ rows: Int, _ width: Int) -> [[Float]] {
        let base = RobustFixture.rows(1, width, seed: 50)[0]
        return RobustFixture.rows(rows, width, seed: 51).map { row in zip(row, base).map { 0.3 * $0 + $1 } }
    }

    @Test(arguments: sizes) func geometry(_ rows: Int, _ width: Int) {
        let updates = similar(rows, width)
        let sum = RobustSum(RobustFixture.reports(updates), count: width, scale: 0x1p32, threads: 2)
        let geometry = sum.geometry(.distances)
        for (i, line) in distances(updates).enumerated() {
            for (j, expected) in line.enumerated() {
                #expect(abs(geometry.squaredDistance(i, j) - expected) < 1e-5 * max(1, expected))
            }
        }
    }

    @Test(arguments: sizes) func krum(_ rows: Int, _ width: Int) throws {
        let updates = similar(rows, width)
        let hostile = (rows - 3) / 2
        let scores = distances(updates).map {
            $0.sorted().dropFirst().prefix(rows - hostile - 2).reduce(0, +)
        }
        let order = scores.indices.sorted { (scores[$0], $0) < (scores[$1], $1) }
        expectClose(
            try RobustFixture.combine("{rule: 'krum', hostile: \(hostile)}", updates),
            updates[order[0]].map(Double.init), "krum")
        let kept = order.prefix(rows - hostile).map { updates[$0] }
        expectClose(
            try RobustFixture.combine("{rule: 'multi-krum', hostile: \(hostile)}", updates),
            columns(kept) { $0.reduce(0, +) / Double(kept.count) }, "multi-krum")
    }

    @Test(arguments: sizes) func bulyan(_ rows: Int, _ width: Int) throws {
        let updates = similar(rows, width)
        let hostile = max(0, (rows - 3) / 4)
        let distances = distances(updates)
        var (left, chosen) = (Array(0..<rows), [Int]())
        while chosen.count < rows - 2 * hostile {
            let scores = left.map { one in
                left.filter { $0 != one }.map { distances[one][$0] }.sorted().prefix(
                    max(0, left.count - hostile - 2)
                )
                .reduce(0, +)
            }
            let best = left.indices.min { (scores[$0], left[$0]) < (scores[$1], left[$1]) } ?? 0
            chosen.append(left.remove(at: best))
        }
        let wanted = chosen.count - 2 * hostile
        let expected = columns(chosen.map { updates[$0] }) { sorted in
            let median = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
            return sorted.sorted { abs($0 - median) < abs($1 - median) }.prefix(wanted).reduce(0, +)
                / Double(wanted)
        }
        expectClose(
            try RobustFixture.combine("{rule: 'bulyan', hostile: \(hostile)}", updates), expected, "bulyan")
    }

    private func norm(_ row: [Double]) -> Double { row.reduce(0) { $0 + $1 * $1 }.squareRoot() }

    private func sum(_ rows: [[Float]], _ weights: [Double]) -> [Double] {
        rows[0].indices.map { column in
            rows.indices.reduce(0) { $0 + weights[$1] * Double(rows[$1][column]) }
        }
    }

    @Test(arguments: sizes) func weiszfeldAndClipping(_ rows: Int, _ width: Int) throws {
        let updates = similar(rows, width)
        var centre = sum(updates, [Double](repeating: 1 / Double(rows), count: rows))
        for _ in 0..<5 {
            let weights = updates.map { 1 / max(1e-6, norm(zip($0, centre).map { Double($0) - $1 })) }
            centre = sum(updates, weights.map { $0 / weights.reduce(0, +) })
        }
        expectClose(
            try RobustFixture.combine("{rule: 'geometric-median'}", updates), centre, "geometric median")
        centre = [Double](repeating: 0, count: width)
        for _ in 0..<3 {
            let factors = updates.map {
                min(1, 2 / norm(zip($0, centre).map { Double($0) - $1 })) / Double(rows)
            }
            let kept = 1 - factors.reduce(0, +)
            centre = zip(centre, sum(updates, factors)).map { $0 * kept + $1 }
        }
        expectClose(
            try RobustFixture.combine("{rule: 'centred-clipping', radius: 2}", updates), centre,
            "centred clipping")
    }

    @Test(arguments: sizes) func mixing(_ rows: Int, _ width: Int) throws {
        let updates = similar(rows, width)
        let hostile = (rows - 1) / 2
        let mixed = distances(updates).map { line in
            let nearest = line.indices.sorted { (line[$0], $0) < (line[$1], $1) }.prefix(rows - hostile)
            return columns(nearest.map { updates[$0] }) { $0.reduce(0, +) / Double(rows - hostile) }.map {
                Float($0)
            }
        }
        for rule in ["trimmed-mean", "geometric-median", "median"] {
            expectClose(
                try RobustFixture.combine("{rule: '\(rule)', hostile: \(hostile), mixing: true}", updates),
                try RobustFixture.combine("{rule: '\(rule)', hostile: \(hostile)}", mixed), rule, within: 3e-6
            )
        }
    }

    /// Buckets are the same for one seed and round, cover every client once, and are others in another round.
    @Test func buckets() {
        let updates = UpdateGeometry(count: 23)
        func mixing(_ round: Int) -> RowMixing {
            var generator = SeededGenerator(seed: 1, purpose: .bucketing, round: round)
            return RowMixing(bucketsOf: 4, in: updates, using: &generator)
        }
        let first = mixing(1)
        #expect(first == mixing(1) && first != mixing(2) && first.outputs == 6)
        for client in 0..<23 { #expect((0..<6).count { first[$0, client] > 0 } == 1) }
        for bucket in 0..<6 { #expect(abs((0..<23).reduce(0) { $0 + first[bucket, $1] } - 1) < 1e-12) }
        // The mean of equally large buckets is the mean.
        var generator = SeededGenerator(seed: 1, purpose: .bucketing)
        let even = RowMixing(bucketsOf: 5, in: UpdateGeometry(count: 20), using: &generator)
        let weights = even.inputWeights(of: [Double](repeating: 0.25, count: 4))
        #expect(weights.allSatisfy { abs($0 - 0.05) < 1e-12 })
    }

    /// Values after the network, given that every eight are in order.
    private func sorted(_ values: [Int], kept: Range<Int>? = nil) -> [Int] {
        var values = stride(from: 0, to: values.count, by: OrderKernels.orderGroup).flatMap {
            values[$0..<min($0 + OrderKernels.orderGroup, values.count)].sorted()
        }
        let pairs = SortingNetwork.pairs(count: values.count, kept: kept)
        for pair in stride(from: 0, to: pairs.count, by: 2) {
            let (a, b) = (Int(pairs[pair]), Int(pairs[pair + 1]))
            #expect(a < b)
            if values[a] > values[b] { values.swapAt(a, b) }
        }
        return values
    }

    /// A network that sorts all zeros and ones sorts everything (Knuth 5.3.4); with eights in order there are few of them.
    @Test(arguments: [0, 1, 2, 7, 8, 9, 16, 17, 23, 24, 31]) func networksSort(_ count: Int) {
        let groups = stride(from: 0, to: count, by: 8).map { min(8, count - $0) }
        var words: [[Int]] = [[]]
        for size in groups {
            words = words.flatMap { word in
                (0...size).map { ones in
                    word + [Int](repeating: 0, count: size - ones) + [Int](repeating: 1, count: ones)
                }
            }
        }
        for word in words { #expect(sorted(word) == word.sorted()) }
    }

    @Test(arguments: [100, 333, 1000]) func networksPart(_ count: Int) {
        var random = SeededGenerator(seed: 1, purpose: .test)
        let values = (0..<count).map { _ in random.index(below: 2 * count) }
        let right = values.sorted()
        #expect(sorted(values) == right)
        for kept in [0..<1, count / 5..<count - count / 5, (count - 1) / 2..<count / 2 + 1] {
            let found = sorted(values, kept: kept)
            for side in [0..<kept.lowerBound, kept, kept.upperBound..<count] {
                #expect(found[side].sorted() == Array(right[side]))
            }
            let whole = SortingNetwork.pairs(count: count).count
            #expect(SortingNetwork.pairs(count: count, kept: kept).count < whole)
        }
    }
}
