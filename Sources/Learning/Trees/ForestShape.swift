internal import Compute

/// What is fixed of a forest before a single row is seen: how many trees, how deep, and where each feature may be cut.
///
/// A tree is a complete binary tree in the order of a heap: the children of node i are 2i + 1 and 2i + 2. Every node has a
/// value, so that a tree that is not grown to its depth yet predicts too. The parameters of a forest are four tensors:
/// `levels` [1], how many rounds have grown it so far; `feature` [trees, outputs, inner nodes], 0 where a node is not split
/// and 1 + the feature elsewhere; `threshold` of the same shape, a row going left where its value is at most that; and
/// `value` [trees, outputs, nodes], what a row that ends there adds to the output.
package struct ForestShape: Sendable, Equatable {
    /// Steps of boosting: each grows one tree for each of ``outputs``.
    package let trees: Int
    /// Splits between a root and its lowest leaves.
    package let depth: Int
    /// Trees that grow side by side: one, or with more than two classes one a class.
    package let outputs: Int
    /// What the outputs are compared with.
    package let objective: TreeObjective
    /// Where each feature may be cut, ascending; a feature without edges is not used.
    package let edges: [[Float]]
    /// The seed of splits that are drawn before any row is seen, so that only leaves are learnt, all of a tree in one round;
    /// nil where splits are those of greatest gain, found level by level.
    package let splitSeed: UInt64?
    /// The first slot of each feature in a node's sums: one a edge, behind the node's own.
    let slotStarts: [Int]
    /// Sums of one node: its own, and for each feature those of its bins but the first, which the others leave.
    package let slots: Int

    /// The edges must be ascending and finite.
    init(
        trees: Int, depth: Int, outputs: Int, objective: TreeObjective, edges: [[Float]],
        splitSeed: UInt64? = nil
    ) {
        (self.trees, self.depth, self.outputs, self.objective) = (trees, depth, outputs, objective)
        (self.edges, self.splitSeed) = (edges, splitSeed)
        var starts: [Int] = []
        var next = 1
        for edges in edges {
            starts.append(next)
            next += edges.count
        }
        (slotStarts, slots) = (starts, splitSeed == nil ? next : 1)
    }

    /// Nodes of a tree.
    var nodes: Int { 2 << depth - 1 }
    /// Nodes of a tree that may be split.
    var innerNodes: Int { 1 << depth - 1 }
    /// Rounds that one tree takes: one a level, or one for all its leaves where splits are drawn.
    var roundsPerTree: Int { splitSeed == nil ? depth : 1 }
    /// Rounds that grow the whole forest.
    package var rounds: Int { trees * roundsPerTree }
    /// Nodes of one output whose sums a report has room for: those of the widest level that is asked for.
    var widest: Int { splitSeed == nil ? 1 << (depth - 1) : 1 << depth }
    /// Pairs of sums, of gradients and of their derivatives, that a client reports in one round.
    package var pairs: Int { outputs * widest * slots }

    /// Index of the first feature among a model's parameters.
    var featureStart: Int { 1 }
    /// Index of the first threshold.
    var thresholdStart: Int { featureStart + trees * outputs * innerNodes }
    /// Index of the first value.
    var valueStart: Int { thresholdStart + trees * outputs * innerNodes }
    /// Number of parameters.
    package var count: Int { valueStart + trees * outputs * nodes }

    /// The splits of a step's trees where they are drawn, in the order of the tensors: each of a feature that has edges, and at
    /// one of its edges, all of them equally likely. A function of the seed and the step.
    func drawnSplits(step: Int, seed: UInt64) -> (features: [Float], thresholds: [Float]) {
        let usable = edges.indices.filter { !edges[$0].isEmpty }
        let count = outputs * innerNodes
        guard !usable.isEmpty else {
            return ([Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
        }
        var random = SeededGenerator(seed: seed, purpose: .treeSplits, round: step)
        var (features, thresholds): ([Float], [Float]) = ([], [])
        for _ in 0..<count {
            let feature = usable[random.index(below: usable.count)]
            features.append(Float(feature + 1))
            thresholds.append(edges[feature][random.index(below: edges[feature].count)])
        }
        return (features, thresholds)
    }

    /// How many levels of the forest a model has; nil where that is no such number, or all of them, so that nothing is left
    /// to grow.
    func level(_ parameters: UnsafeBufferPointer<Float>) -> (tree: Int, level: Int)? {
        guard let said = parameters.first, said >= 0, said < Float(rounds) else { return nil }
        return (Int(said) / roundsPerTree, Int(said) % roundsPerTree)
    }
}

/// The loss that a forest is grown for, by its derivatives with respect to an output (Chen and Guestrin 2016, section 2.2).
package enum TreeObjective: Sendable, Equatable {
    /// Two classes, one output: the log-odds of the second.
    case logistic
    /// More classes, one output each.
    case softmax
    /// Values, one output each.
    case squaredError

    /// The loss of a training section that it belongs to.
    package var lossName: String { self == .squaredError ? MeanSquaredError.name : SoftmaxCrossEntropy.name }
}

extension Model {
    /// The forest that the model is; nil for networks.
    package var forest: ForestShape? {
        guard nodes.count == 1, let layer = nodes[0].layer as? TreesLayer, layout.count > 0 else {
            return nil
        }
        return layer.shape
    }
}
