/// How a forest grows from the sums of all clients: by one level of each open tree.
///
/// The splits are those with the greatest gain (Chen and Guestrin 2016, equation 7); of equal ones the first feature's, and of
/// that the lowest edge's. A leaf's value is theirs too (equation 5), times the learning rate.
package struct ForestGrowth: Sendable, Equatable {
    /// η: what a leaf's value is multiplied by.
    package var learningRate = 0.3
    /// λ: what is added to every sum of second derivatives.
    package var lambda = 1.0
    /// γ: what a split must gain.
    package var minimalGain = 0.0
    /// The least sum of second derivatives on each side of a split.
    package var minimalWeight = 1.0
    /// The greatest magnitude of a leaf's value before ``learningRate``; 0: none.
    package var greatestStep = 0.0

    package init() {}

    /// The parameters after one more level. `sums` are those of ``TreeHistograms`` over all clients, the parts of two-part
    /// reports one behind the other. A forest that is whole stays as it is.
    package func grown(_ parameters: [Float], _ shape: ForestShape, sums: [Double]) -> [Float] {
        precondition(
            parameters.count == shape.count && sums.count % (2 * shape.pairs) == 0, "sums of another forest")
        guard let (tree, level) = parameters.withUnsafeBufferPointer({ shape.level($0) }) else {
            return parameters
        }
        var whole = Array(sums[..<(2 * shape.pairs)])
        for part in 1..<max(1, sums.count / (2 * shape.pairs)) {
            for index in whole.indices { whole[index] += sums[part * whole.count + index] }
        }
        var next = parameters
        next[0] += 1
        if let seed = shape.splitSeed {
            fill(&next, shape, step: tree, seed: seed, whole)
            return next
        }
        for output in 0..<shape.outputs {
            let place = TreePlace(shape, tree * shape.outputs + output)
            for index in 0..<1 << level {
                let node = 1 << level - 1 + index
                // Below a node that was not split there is none.
                guard node == 0 || next[place.feature((node - 1) / 2)] > 0 else { continue }
                let first = 2 * (output * shape.widest + index) * shape.slots
                split(node, whole[first..<first + 2 * shape.slots], shape, place, &next)
            }
        }
        return next
    }

    /// Writes the trees of one step whose splits are drawn: the values of their leaves are learnt.
    private func fill(
        _ next: inout [Float], _ shape: ForestShape, step: Int, seed: UInt64, _ sums: [Double]
    ) {
        let splits = shape.drawnSplits(step: step, seed: seed)
        let first = step * splits.features.count
        for (index, feature) in splits.features.enumerated() {
            next[shape.featureStart + first + index] = feature
            next[shape.thresholdStart + first + index] = splits.thresholds[index]
        }
        for output in 0..<shape.outputs {
            let place = TreePlace(shape, step * shape.outputs + output)
            for leaf in 0..<shape.widest {
                let index = 2 * (output * shape.widest + leaf)
                next[place.value(shape.innerNodes + leaf)] = value(sums[index], sums[index + 1])
            }
        }
    }

    private func split(
        _ node: Int, _ sums: ArraySlice<Double>, _ shape: ForestShape, _ place: TreePlace,
        _ next: inout [Float]
    ) {
        let start = sums.startIndex
        let all = (first: sums[start], second: sums[start + 1])
        if node == 0 { next[place.value(node)] = value(all.first, all.second) }
        var best: Split?
        for (feature, edges) in shape.edges.enumerated() {
            var right = (first: 0.0, second: 0.0)
            var own: Split?
            // The sums of the first bin are what the others leave of the node's: so from the last edge down.
            for edge in edges.indices.reversed() {
                let slot = start + 2 * (shape.slotStarts[feature] + edge)
                right = (right.first + sums[slot], right.second + sums[slot + 1])
                let left = (first: all.first - right.first, second: all.second - right.second)
                guard left.second >= minimalWeight, right.second >= minimalWeight else { continue }
                let gain = 0.5 * (score(left) + score(right) - score(all)) - minimalGain
                // The lower edge of equal ones.
                if gain > 0, gain >= own?.gain ?? 0 {
                    own = Split(
                        feature: feature, threshold: edges[edge], gain: gain, left: left, right: right)
                }
            }
            if let own, own.gain > best?.gain ?? 0 { best = own }
        }
        guard let best else { return }
        next[place.feature(node)] = Float(best.feature + 1)
        next[place.threshold(node)] = best.threshold
        next[place.value(2 * node + 1)] = value(best.left.first, best.left.second)
        next[place.value(2 * node + 2)] = value(best.right.first, best.right.second)
    }

    private struct Split {
        let feature: Int
        let threshold: Float
        let gain: Double
        let left: (first: Double, second: Double)
        let right: (first: Double, second: Double)
    }

    private func score(_ sums: (first: Double, second: Double)) -> Double {
        // Noise may leave less than nothing of a sum of second derivatives.
        let weight = max(0, sums.second) + lambda
        return weight > 0 ? sums.first * sums.first / weight : 0
    }

    private func value(_ first: Double, _ second: Double) -> Float {
        let weight = max(0, second) + lambda
        guard weight > 0 else { return 0 }
        let step = -first / weight
        let bounded = greatestStep > 0 ? min(max(step, -greatestStep), greatestStep) : step
        return Float(learningRate * bounded)
    }
}

/// Where the parameters of one tree lie.
private struct TreePlace {
    private let shape: ForestShape
    private let tree: Int

    init(_ shape: ForestShape, _ tree: Int) { (self.shape, self.tree) = (shape, tree) }

    func feature(_ node: Int) -> Int { shape.featureStart + tree * shape.innerNodes + node }
    func threshold(_ node: Int) -> Int { shape.thresholdStart + tree * shape.innerNodes + node }
    func value(_ node: Int) -> Int { shape.valueStart + tree * shape.nodes + node }
}
