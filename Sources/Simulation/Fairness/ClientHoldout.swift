internal import Compute
package import Configuration
package import Datasets

/// The part of each client's own examples that training never sees (`simulation.client_holdout`).
package enum ClientHoldout {
    /// Far above every client's number, so that no split of rows draws from the same stream.
    private static let streams = 1 << 30

    /// Keeps `share` of each client's rows from training: rounded, at least one row where a client has two, and never its
    /// only one. Which rows is a function of seed and client alone; both parts keep the order of the rows.
    ///
    /// Throws ``ConfigurationError`` where a row is held more than once: another copy of it would be trained on.
    package static func divide(
        _ partition: Partition, share: Double, seed: UInt64
    ) throws(ConfigurationError) -> (training: Partition, held: Partition) {
        var seen: Set<Int32> = []
        seen.reserveCapacity(partition.rowCount)
        var training: [[Int32]] = []
        var held: [[Int32]] = []
        for client in 0..<partition.clientCount {
            let rows = Array(partition[client])
            for row in rows where !seen.insert(row).inserted {
                throw ConfigurationError(
                    path: "simulation.client_holdout",
                    problem: "needs rows that are held once; without with_replacement they are")
            }
            let places = chosen(of: rows.count, share: share, seed: seed, client: client)
            training.append(rows.indices.filter { !places.contains($0) }.map { rows[$0] })
            held.append(rows.indices.filter(places.contains).map { rows[$0] })
        }
        return (Partition(clients: training), Partition(clients: held))
    }

    private static func chosen(of count: Int, share: Double, seed: UInt64, client: Int) -> Set<Int> {
        guard count > 1 else { return [] }
        let wanted = min(count - 1, max(1, Int((Double(count) * share).rounded())))
        var generator = SeededGenerator(seed: seed, purpose: .split, client: streams + client)
        return Set((0..<count).shuffled(using: &generator).prefix(wanted))
    }
}
