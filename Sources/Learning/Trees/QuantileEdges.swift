package import Compute

/// Edges that cut each feature of a table into bins of about as many rows: a look at all rows, for whoever holds them all.
package enum QuantileEdges {
    /// The edges of each feature for at most `bins` bins: between neighbouring values where there are no more than that, else
    /// behind the value that each whole part of the rows ends with. The examples must be numbers.
    package static func of(_ examples: Examples, bins: Int) -> [[Float]] {
        let width = examples.featureCount
        var column = [Float](repeating: 0, count: examples.count)
        return (0..<width).map { feature in
            read(examples, feature, into: &column)
            column.sort()
            return edges(sorted: column, bins: bins)
        }
    }

    /// The same of one feature's finite values, sorted.
    static func edges(sorted values: [Float], bins: Int) -> [Float] {
        var lasts: [Int] = []
        // The last place of each distinct value but the greatest, at most one more than there may be edges.
        for place in 1..<max(1, values.count) where values[place - 1] < values[place] {
            lasts.append(place - 1)
            if lasts.count == bins { break }
        }
        if lasts.count == bins {
            lasts = []
            for part in 1..<bins {
                let place = (part * values.count / bins) - 1
                guard place >= 0, let end = values[place...].firstIndex(where: { $0 > values[place] }) else {
                    continue
                }
                if lasts.last != end - 1 { lasts.append(end - 1) }
            }
        }
        return lasts.map { place in
            let (low, high) = (values[place], values[place + 1])
            let middle = low + (high - low) / 2
            return middle < high && middle.isFinite ? middle : low
        }
    }

    private static func read(_ examples: Examples, _ feature: Int, into column: inout [Float]) {
        let width = examples.featureCount
        switch examples.features {
        case .floats(let table):
            for row in column.indices { column[row] = table[row * width + feature] }
        case .bytes(let table, let scale):
            for row in column.indices { column[row] = scale * Float(table[row * width + feature]) }
        case .tokens: column = []
        }
    }
}
