/// The Walsh-Hadamard transform, unnormalised: applied twice it multiplies by the length.
enum HadamardTransform {
    /// Floats that are transformed completely before moving on: half of a first-level cache.
    private static let cachedCount = 4096

    /// Transforms in place; the length is a power of two. Additions happen in one fixed order, so that results
    /// are the same bit for bit.
    static func apply(_ vector: UnsafeMutableBufferPointer<Float>) {
        precondition(vector.count.nonzeroBitCount == 1, "a length that is no power of two")
        guard let base = vector.baseAddress else { return }
        let tile = min(vector.count, cachedCount)
        for start in stride(from: 0, to: vector.count, by: tile) {
            transformTile(base.advanced(by: start), count: tile)
        }
        var distance = tile
        while distance < vector.count {
            if 2 * distance < vector.count {
                fourPoint(base, count: vector.count, distance: distance)
                distance *= 4
            } else {
                twoPoint(base, count: vector.count, distance: distance)
                distance *= 2
            }
        }
    }

    private static func transformTile(_ base: UnsafeMutablePointer<Float>, count: Int) {
        var distance = 1
        while distance < count {
            if 2 * distance < count {
                fourPoint(base, count: count, distance: distance)
                distance *= 4
            } else {
                twoPoint(base, count: count, distance: distance)
                distance *= 2
            }
        }
    }

    /// One stage: sums and differences of elements `distance` apart.
    private static func twoPoint(_ base: UnsafeMutablePointer<Float>, count: Int, distance: Int) {
        for start in stride(from: 0, to: count, by: 2 * distance) {
            let (first, second) = (base + start, base + start + distance)
            for index in 0..<distance {
                let (x, y) = (first[index], second[index])
                first[index] = x + y
                second[index] = x - y
            }
        }
    }

    /// Two stages in one pass over memory.
    private static func fourPoint(_ base: UnsafeMutablePointer<Float>, count: Int, distance: Int) {
        for start in stride(from: 0, to: count, by: 4 * distance) {
            let (a, b) = (base + start, base + start + distance)
            let (c, d) = (b + distance, b + 2 * distance)
            for index in 0..<distance {
                let (ab, abDifference) = (a[index] + b[index], a[index] - b[index])
                let (cd, cdDifference) = (c[index] + d[index], c[index] - d[index])
                a[index] = ab + cd
                b[index] = abDifference + cdDifference
                c[index] = ab - cd
                d[index] = abDifference - cdDifference
            }
        }
    }
}
