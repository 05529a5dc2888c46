package import Configuration

/// Krum's choice again and again among what is left, then of the chosen, in each coordinate, the mean of the values nearest
/// their median (El Mhamdi et al. 2018, section 4).
package struct Bulyan: IndividualRule {
    package init(_ section: Section) {}

    package func fewestUpdates(hostile: Int) -> Int { 4 * hostile + 3 }

    package func combine(_ updates: UpdateGeometry, hostile: Int) -> UpdateCombination {
        var left = Array(0..<updates.count)
        var chosen: [Int] = []
        let wanted = max(1, updates.count - 2 * hostile)
        while chosen.count < wanted, !left.isEmpty {
            let scores = Krum.scores(of: updates, among: left, hostile: hostile)
            guard let best = UpdateGeometry.least(1, of: scores).first else { break }
            chosen.append(left.remove(at: best))
        }
        return .nearestMedian(chosen.sorted(), count: max(1, wanted - 2 * hostile))
    }
}
