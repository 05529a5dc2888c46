internal import Learning

/// What the gradient of a dense layer that reads the input says of the inputs in closed form: of one example each unit's
/// weight gradient is its bias gradient times the input (Phong et al. 2017, section 3; Geiping et al. 2020, proposition 3.1).
///
/// Of several examples a unit gives their mixture, weighted by what each did to it; where only one did, that one. An
/// attacker does not know which units those are, but they agree: candidates that many units give alike come first.
enum DenseInversion {
    /// Units whose bias gradient is smaller than this share of the greatest say nothing but rounding.
    private static let faintest = 1e-4
    /// Cosine from which two candidates count as the same.
    private static let alike = 0.999
    /// Most units that are compared with each other.
    private static let mostUnits = 512

    /// `count` inputs, one after another, as the gradient gives them, within `range`.
    static func reconstruct(
        _ gradient: [Float], _ layer: DenseEnd, count: Int, range: ClosedRange<Float>
    ) -> [Float] {
        let biases = layer.bias.map { gradient[$0] }
        let greatest = biases.map(abs).max() ?? 0
        let strong = biases.indices.filter { abs(biases[$0]) > greatest * Float(faintest) }
            .sorted { (abs(biases[$0]), $1) > (abs(biases[$1]), $0) }.prefix(mostUnits)
        let candidates = strong.map { unit -> [Float] in
            let start = layer.weight.lowerBound + unit * layer.inputs
            return gradient[start..<start + layer.inputs].map {
                let value = $0 / biases[unit]
                return value.isFinite ? min(max(value, range.lowerBound), range.upperBound) : range.lowerBound
            }
        }
        let chosen = mostAgreed(candidates, count: count)
        let empty = [Float](repeating: range.lowerBound, count: layer.inputs)
        return (0..<count).flatMap { $0 < chosen.count ? candidates[chosen[$0]] : empty }
    }

    /// Places of candidates that differ, those that most others are like first.
    private static func mostAgreed(_ candidates: [[Float]], count: Int) -> [Int] {
        let norms = candidates.map { dot($0, $0).squareRoot() }
        func isAlike(_ one: Int, _ other: Int) -> Bool {
            let product = norms[one] * norms[other]
            return product > 0 && dot(candidates[one], candidates[other]) > alike * product
        }
        var groups: [(leader: Int, size: Int)] = []
        for place in candidates.indices {
            if let group = groups.firstIndex(where: { isAlike($0.leader, place) }) {
                groups[group].size += 1
            } else {
                groups.append((place, 1))
            }
        }
        return groups.sorted { ($0.size, $1.leader) > ($1.size, $0.leader) }.prefix(count).map { $0.leader }
    }

    private static func dot(_ left: [Float], _ right: [Float]) -> Double {
        var sum = 0.0
        for index in left.indices { sum += Double(left[index]) * Double(right[index]) }
        return sum
    }
}
