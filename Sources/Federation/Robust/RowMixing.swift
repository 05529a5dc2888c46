internal import Compute

/// Updates that are linear combinations of a round's updates: what a robust rule is given in their place.
struct RowMixing: Equatable, Sendable {
    /// Updates that there were, and that there are.
    let inputs: Int
    let outputs: Int
    /// Whether all that went into a combination is usable; the others count as not finite.
    let isUsable: [Bool]
    /// [outputs, inputs].
    private let weights: [Double]

    /// The weight of an input in an output.
    subscript(output: Int, input: Int) -> Double { weights[output * inputs + input] }

    private init(inputs: Int, isUsable: [Bool], weights: [Double]) {
        (self.inputs, outputs) = (inputs, isUsable.count)
        (self.isUsable, self.weights) = (isUsable, weights)
    }

    /// Nearest-neighbour mixing (Allouah et al. 2023, algorithm 2): each update becomes the mean of the
    /// count − `hostile` that are nearest to it, itself included.
    init(nearestNeighboursIn updates: UpdateGeometry, hostile: Int) {
        let count = updates.count
        let neighbours = max(1, count - hostile)
        var weights = [Double](repeating: 0, count: count * count)
        for row in 0..<count {
            let distances = (0..<count).map { updates.squaredDistance(row, $0) }
            for place in UpdateGeometry.least(neighbours, of: distances) {
                weights[row * count + place] = 1 / Double(neighbours)
            }
        }
        // Where more than the hostile are not finite, neighbours of all are among them.
        let isUsable = (0..<count).map { row in
            (0..<count).allSatisfy { weights[row * count + $0] == 0 || updates.isUsable[$0] }
        }
        self.init(inputs: count, isUsable: isUsable, weights: weights)
    }

    /// Bucketing (Karimireddy et al. 2022, algorithm 1): the updates in a random order, and of every `size` the mean; the last
    /// bucket may be smaller.
    init(bucketsOf size: Int, in updates: UpdateGeometry, using generator: inout SeededGenerator) {
        let count = updates.count
        var order = (0..<count).map { Int32($0) }
        order.withUnsafeMutableBufferPointer { generator.shuffle($0) }
        var weights: [Double] = []
        var isUsable: [Bool] = []
        for start in stride(from: 0, to: count, by: size) {
            let bucket = order[start..<min(start + size, count)].map(Int.init)
            var row = [Double](repeating: 0, count: count)
            for place in bucket { row[place] = 1 / Double(bucket.count) }
            weights += row
            isUsable.append(bucket.allSatisfy { updates.isUsable[$0] })
        }
        self.init(inputs: count, isUsable: isUsable, weights: weights)
    }

    /// This mixture of what `first` yields.
    func after(_ first: RowMixing) -> RowMixing {
        precondition(inputs == first.outputs, "a mixture of other updates")
        var product = [Double](repeating: 0, count: outputs * first.inputs)
        for row in 0..<outputs {
            for middle in 0..<inputs where self[row, middle] != 0 {
                for column in 0..<first.inputs {
                    product[row * first.inputs + column] += self[row, middle] * first[middle, column]
                }
            }
        }
        return RowMixing(inputs: first.inputs, isUsable: isUsable, weights: product)
    }

    /// The weights of the inputs in Σ weightᵢ outputᵢ, over the outputs that are usable.
    func inputWeights(of outputWeights: [Double]) -> [Double] {
        var result = [Double](repeating: 0, count: inputs)
        for row in 0..<outputs where outputWeights[row] != 0 && isUsable[row] {
            for column in 0..<inputs { result[column] += outputWeights[row] * self[row, column] }
        }
        return result
    }

    /// [outputs, inputs] in single precision, for a matrix product.
    var matrix: [Float] { weights.map { Float($0) } }
}
