import Compute
import Foundation

@testable import Learning

/// Examples of the layers that nobody trains by steps, of trees and of statistics, for the contract of all layers.
enum ForestExamples {
    static let all: [String: [LayerExample]] = [
        "statistics": [
            LayerExample(
                text: "{statistics: {blocks: [{name: 'a', size: 3}, {name: 'b', size: 1}]}}",
                inputShape: [2, 3], naive: { input, _ in input }, readsParameters: false)
        ],
        "trees": [
            LayerExample(text: "{trees: {trees: 3, depth: 2, classes: 2, edges: [0]}}", inputShape: [4]) {
                [0] + outputs($0, $1, trees: 3, outputs: 1, depth: 2)
            },
            LayerExample(
                text: "{trees: {trees: 2, depth: 3, classes: 3, edges: [-1, 1], splits: 'random'}}",
                inputShape: [2]
            ) {
                outputs($0, $1, trees: 2, outputs: 3, depth: 3)
            },
            LayerExample(text: "{trees: {trees: 1, depth: 1, outputs: 2, edges: [[0], []]}}", inputShape: [2])
            {
                outputs($0, $1, trees: 1, outputs: 2, depth: 1)
            },
        ],
    ]

    private static func outputs(
        _ row: [Double], _ parameters: [Double], trees: Int, outputs: Int, depth: Int
    ) -> [Double] {
        let (inner, nodes) = (1 << depth - 1, 2 << depth - 1)
        let features = parameters[1...]
        let thresholds = features.dropFirst(trees * outputs * inner)
        let values = thresholds.dropFirst(trees * outputs * inner)
        var result = [Double](repeating: 0, count: outputs)
        for tree in 0..<trees * outputs {
            var node = 0
            while node < inner {
                let feature = Int(features[features.startIndex + tree * inner + node])
                guard feature >= 1, feature <= row.count else { break }
                let threshold = thresholds[thresholds.startIndex + tree * inner + node]
                node = 2 * node + (row[feature - 1] <= threshold ? 1 : 2)
            }
            result[tree % outputs] += values[values.startIndex + tree * nodes + node]
        }
        return result
    }
}

/// A forest as it grows from rows in one place, in plain form: every split of every node is tried on every row.
struct PlainForest {
    let shape: ForestShape
    let growth: ForestGrowth
    let examples: Examples

    /// The parameters after so many levels.
    func parameters(levels: Int) -> [Float] {
        var parameters = [Float](repeating: 0, count: shape.count)
        for level in 0..<levels { grow(&parameters, level) }
        return parameters
    }

    private func row(_ index: Int) -> [Float] {
        guard case .floats(let table) = examples.features else { return [] }
        return Array(table[index * examples.featureCount..<(index + 1) * examples.featureCount])
    }

    private func node(_ row: [Float], _ parameters: [Float], _ tree: Int, depth: Int) -> Int {
        var node = 0
        for _ in 0..<depth {
            let place = tree * shape.innerNodes + node
            let feature = Int(parameters[shape.featureStart + place])
            guard feature > 0 else { break }
            node = 2 * node + (row[feature - 1] <= parameters[shape.thresholdStart + place] ? 1 : 2)
        }
        return node
    }

    private func grow(_ parameters: inout [Float], _ level: Int) {
        let (step, depth) =
            shape.splitSeed == nil ? (level / shape.depth, level % shape.depth) : (level, shape.depth)
        if let seed = shape.splitSeed { draw(&parameters, step, seed) }
        let all = (0..<examples.count).map { derivatives(row($0), $0, parameters, step) }
        let before = parameters
        for output in 0..<shape.outputs {
            let tree = step * shape.outputs + output
            let nodes = (0..<examples.count).map { node(row($0), before, tree, depth: depth) }
            if shape.splitSeed != nil {
                for leaf in shape.innerNodes..<shape.nodes {
                    let own = (0..<examples.count).filter { nodes[$0] == leaf }
                    parameters[shape.valueStart + tree * shape.nodes + leaf] = value(
                        sums(own, all.map { $0[output] }))
                }
                continue
            }
            for node in (1 << depth - 1)..<(2 << depth - 1) {
                let own = (0..<examples.count).filter { nodes[$0] == node }
                let isThere =
                    node == 0 || before[shape.featureStart + tree * shape.innerNodes + (node - 1) / 2] > 0
                if isThere { split(&parameters, tree, node, own, all.map { $0[output] }) }
            }
        }
        parameters[0] += 1
    }

    private func derivatives(_ row: [Float], _ index: Int, _ parameters: [Float], _ steps: Int) -> [(
        Int, Int
    )] {
        var outputs = [Float](repeating: 0, count: shape.outputs)
        for tree in 0..<steps * shape.outputs {
            let place = tree * shape.nodes + node(row, parameters, tree, depth: shape.depth)
            outputs[tree % shape.outputs] += parameters[shape.valueStart + place]
        }
        func grid(_ value: Double) -> Int { Int((value * 65536).rounded()) }
        switch (shape.objective, examples.targets) {
        case (.logistic, .classes(let labels, _)):
            let chance = 1 / (1 + exp(-Double(outputs[0])))
            return [(grid(chance - Double(labels[index])), grid(chance * (1 - chance)))]
        case (_, .classes(let labels, _)):
            let greatest = outputs.max() ?? 0
            let powers = outputs.map { exp(Double($0 - greatest)) }
            return powers.enumerated().map { place, power in
                let chance = power / powers.reduce(0, +)
                return (grid(chance - (Int(labels[index]) == place ? 1 : 0)), grid(chance * (1 - chance)))
            }
        case (_, .values(let values, let width)):
            return outputs.enumerated().map { place, output in
                (grid(Double(output) - Double(values[index * width + place])), 65536)
            }
        default: return []
        }
    }

    private func draw(_ parameters: inout [Float], _ step: Int, _ seed: UInt64) {
        let splits = shape.drawnSplits(step: step, seed: seed)
        let first = step * shape.outputs * shape.innerNodes
        parameters.replaceSubrange(
            shape.featureStart + first..<shape.featureStart + first + splits.features.count,
            with: splits.features)
        parameters.replaceSubrange(
            shape.thresholdStart + first..<shape.thresholdStart + first + splits.features.count,
            with: splits.thresholds)
    }

    private func sums(_ rows: [Int], _ derivatives: [(Int, Int)]) -> (Double, Double) {
        (
            Double(rows.reduce(0) { $0 + derivatives[$1].0 }) / 65536,
            Double(rows.reduce(0) { $0 + derivatives[$1].1 }) / 65536
        )
    }

    private func value(_ sums: (Double, Double)) -> Float {
        Float(growth.learningRate * (-sums.0 / (sums.1 + growth.lambda)))
    }

    private func split(
        _ parameters: inout [Float], _ tree: Int, _ node: Int, _ rows: [Int], _ derivatives: [(Int, Int)]
    ) {
        func sums(_ rows: [Int]) -> (Double, Double) { self.sums(rows, derivatives) }
        func score(_ sums: (Double, Double)) -> Double { sums.0 * sums.0 / (sums.1 + growth.lambda) }
        let all = sums(rows)
        let values = shape.valueStart + tree * shape.nodes
        if node == 0 { parameters[values] = value(all) }
        var best = 0.0
        for (feature, edges) in shape.edges.enumerated() {
            for edge in edges {
                let (left, right) = (
                    sums(rows.filter { row($0)[feature] <= edge }),
                    sums(rows.filter { !(row($0)[feature] <= edge) })
                )
                guard left.1 >= growth.minimalWeight, right.1 >= growth.minimalWeight else { continue }
                let gain = 0.5 * (score(left) + score(right) - score(all)) - growth.minimalGain
                guard gain > best else { continue }
                best = gain
                parameters[shape.featureStart + tree * shape.innerNodes + node] = Float(feature + 1)
                parameters[shape.thresholdStart + tree * shape.innerNodes + node] = edge
                parameters[values + 2 * node + 1] = value(left)
                parameters[values + 2 * node + 2] = value(right)
            }
        }
    }
}
