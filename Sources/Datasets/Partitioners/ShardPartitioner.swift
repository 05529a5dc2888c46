internal import Compute
package import Configuration

/// The pathological label skew of McMahan et al. 2017 (section 3): rows sorted by class, cut into equal shards,
/// `shards_per_client` of them dealt to each client, so that most clients know only that many classes.
///
/// With replacement each client draws from that many different classes instead, a class the more often the larger it is.
package struct ShardPartitioner: Partitioner {
    private let shardsPerClient: Int
    private let sizes: ClientSizes

    package init(_ section: Section) throws {
        shardsPerClient = try section.integer("shards_per_client", in: 1...10_000) ?? 2
        sizes = try ClientSizes(section)
    }

    package func partition(_ subject: PartitionSubject, clients: Int?, seed: UInt64) throws -> Partition {
        guard let labels = subject.labels else {
            throw PartitionProblem("shards need classes, but values are predicted")
        }
        let sizes = try sizes.sizes(rows: subject.count, clients: clients)
        var generator = SeededGenerator(seed: seed, purpose: .partition)
        if self.sizes.withReplacement {
            return drawClasses(subject, labels: labels, sizes: sizes, using: &generator)
        }
        let shardCount = sizes.count * shardsPerClient
        guard shardCount <= subject.count else {
            throw PartitionProblem(
                "\(sizes.count) clients of \(shardsPerClient) shards need \(shardCount) rows, but there are \(subject.count)"
            )
        }
        let total = sizes.reduce(0, +)
        // Where clients get fewer rows than there are, a random part of the rows is left out.
        let shuffled = (0..<Int32(subject.count)).shuffled(using: &generator)
        let chosen = total == shuffled.count ? Array(0..<Int32(total)) : shuffled[..<total].sorted()
        let order = Self.sorted(chosen, labels: labels, classCount: subject.classCount)
        // Slot i is shard i % shardsPerClient of client i / shardsPerClient; `slots` says which slot each shard
        // fills, in the order of the classes. Shard sizes follow from the sizes of the clients they go to.
        let slots = (0..<shardCount).shuffled(using: &generator)
        var lists = [[Int32]](repeating: [], count: sizes.count)
        var start = 0
        for slot in slots {
            let (client, place) = slot.quotientAndRemainder(dividingBy: shardsPerClient)
            let size = sizes[client] / shardsPerClient + (place < sizes[client] % shardsPerClient ? 1 : 0)
            lists[client] += order[start..<(start + size)]
            start += size
        }
        return Partition(clients: lists)
    }

    /// The rows class by class, each class's in the order given.
    private static func sorted(_ rows: [Int32], labels: [Int32], classCount: Int) -> [Int32] {
        var starts = [Int](repeating: 0, count: classCount + 1)
        for row in rows { starts[Int(labels[Int(row)]) + 1] += 1 }
        for index in 1..<starts.count { starts[index] += starts[index - 1] }
        var sorted = rows
        for row in rows {
            let label = Int(labels[Int(row)])
            sorted[starts[label]] = row
            starts[label] += 1
        }
        return sorted
    }

    private func drawClasses(
        _ subject: PartitionSubject, labels: [Int32], sizes: [Int], using generator: inout SeededGenerator
    ) -> Partition {
        let pools = ClassPools(labels: labels, classCount: subject.classCount)
        let present = Set(labels).sorted().map { Int($0) }
        let wanted = min(shardsPerClient, present.count)
        var counts = [Int](repeating: 0, count: subject.classCount)
        for label in labels { counts[Int(label)] += 1 }
        let isBalanced = present.allSatisfy { counts[$0] == counts[present[0]] }
        var rows: [Int32] = []
        rows.reserveCapacity(sizes.reduce(0, +))
        for size in sizes {
            // Of balanced classes any choice is as likely as another.
            let classes =
                isBalanced
                ? Array(present.shuffled(using: &generator)[..<wanted])
                : Self.choose(wanted, of: present, counts: counts, using: &generator)
            for index in 0..<size { rows.append(pools.sample(classes[index % wanted], using: &generator)) }
        }
        return Partition(rows: rows, sizes: sizes)
    }

    /// Different classes, drawn one after the other by their numbers of rows, as shards of sorted rows would be met.
    private static func choose(
        _ wanted: Int, of present: [Int], counts: [Int], using generator: inout SeededGenerator
    ) -> [Int] {
        var left = present
        return (0..<wanted).map { _ in
            var place = generator.index(below: left.reduce(0) { $0 + counts[$1] })
            let chosen = left.firstIndex { index in
                place -= counts[index]
                return place < 0
            }
            return left.remove(at: chosen ?? left.count - 1)
        }
    }
}
