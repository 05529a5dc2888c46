internal import Compute

/// A network's activations, deltas and scratch for batches of up to `capacity` examples, and the passes over
/// them. Owned by one thread; nothing is allocated after `init`.
final class Workspace {
    /// Where one layer's data lies.
    private struct Stage {
        let placed: Model.Placed
        let output: UnsafeMutablePointer<Float>
        let delta: UnsafeMutablePointer<Float>
        let scratch: UnsafeMutablePointer<Float>
    }

    let capacity: Int
    private let arena: Arena
    private let stages: [Stage]
    private let input: UnsafeMutablePointer<Float>
    private let labels: UnsafeMutablePointer<Int32>
    private let values: UnsafeMutablePointer<Float>
    /// [capacity]; per-example numbers of whoever drives the passes.
    let rowFactors: UnsafeMutablePointer<Float>
    /// Blocks of floats that the owner asked for, in its order.
    let extra: [UnsafeMutablePointer<Float>]
    private let outputCount: Int
    /// The first layer with parameters: nothing below it needs a delta.
    private let firstTrained: Int

    init(model: Model, capacity: Int, extra: [Int] = []) {
        self.capacity = capacity
        let arena = Arena()
        let inputs = arena.reserve(capacity * model.inputShape.reduce(1, *))
        let labels = arena.reserve(capacity)
        let values = arena.reserve(capacity * model.outputCount)
        let factors = arena.reserve(capacity)
        let places = model.layers.map { placed in
            (
                output: arena.reserve(capacity * placed.outputCount),
                delta: arena.reserve(capacity * placed.outputCount),
                scratch: arena.reserve(capacity * placed.layer.scratchPerExample)
            )
        }
        let extraPlaces = extra.map { arena.reserve($0) }
        arena.allocate()
        self.arena = arena
        self.input = arena.floats(inputs)
        self.labels = arena.integers(labels)
        self.values = arena.floats(values)
        rowFactors = arena.floats(factors)
        stages = zip(model.layers, places).map { placed, place in
            Stage(
                placed: placed, output: arena.floats(place.output), delta: arena.floats(place.delta),
                scratch: arena.floats(place.scratch))
        }
        self.extra = extraPlaces.map { arena.floats($0) }
        outputCount = model.outputCount
        firstTrained = model.layers.firstIndex { !$0.parameters.isEmpty } ?? model.layers.count
    }

    /// Number of layers to run under `loss`: the last one is left out where it is the loss's own link.
    func depth(under loss: any Loss) -> Int {
        guard let last = stages.last, let kind = type(of: loss).link.layerKind,
            type(of: last.placed.layer).kind == kind
        else { return stages.count }
        return stages.count - 1
    }

    /// The outputs of the first `depth` layers for the batch in memory.
    func outputs(depth: Int) -> UnsafeMutablePointer<Float> {
        depth > 0 ? stages[depth - 1].output : input
    }

    /// Copies a batch into the arena: features as floats, targets in the loss's form (none without a loss).
    func gather(_ examples: Examples, _ indices: UnsafeBufferPointer<Int32>, for loss: (any Loss)?) {
        precondition(indices.count <= capacity, "the batch is larger than the arena")
        Kernels.gather(examples, indices, into: input)
        if let loss { gatherTargets(examples, indices, readsLabels: type(of: loss).readsLabels) }
    }

    private func gatherTargets(_ examples: Examples, _ indices: UnsafeBufferPointer<Int32>, readsLabels: Bool)
    {
        switch examples.targets {
        case .classes(let table, let count):
            for (row, index) in indices.enumerated() {
                let label = table[Int(index)]
                precondition(label >= 0 && label < count, "a label lies outside the classes")
                if readsLabels {
                    labels[row] = label
                } else if outputCount == 1 {
                    values[row] = Float(label)
                } else {
                    let target = values + row * outputCount
                    target.update(repeating: 0, count: outputCount)
                    target[Int(label)] = 1
                }
            }
        case .values(let table, let width):
            for (row, index) in indices.enumerated() {
                for column in 0..<width {
                    values[row * width + column] = table[Int(index) * width + column]
                }
            }
        case .tokens: preconditionFailure("targets at positions, which LossCatalog.check refuses")
        }
    }

    /// Runs the first `depth` layers as evaluation does.
    func infer(_ parameters: UnsafeMutablePointer<Float>, count: Int, depth: Int) {
        for index in 0..<depth {
            stages[index].placed.layer.infer(pass(index, parameters, count: count))
        }
    }

    /// Runs the first `depth` layers as training does.
    func forward(
        _ parameters: UnsafeMutablePointer<Float>, count: Int, depth: Int, random: inout SeededGenerator
    ) {
        for index in 0..<depth {
            stages[index].placed.layer.forward(pass(index, parameters, count: count), random: &random)
        }
    }

    /// The sum of the losses of the batch in memory; the last layer's delta becomes `scale` × its gradient.
    func evaluate(_ loss: any Loss, count: Int, depth: Int, scale: Float) -> Double {
        loss.evaluate(
            LossPass(
                count: count, width: outputCount, outputs: outputs(depth: depth),
                delta: depth > 0 ? stages[depth - 1].delta : values, labels: labels, values: values,
                scale: scale))
    }

    /// Goes back through the layers; each layer's part of `target` becomes keep * target + scale * gradient.
    /// The target may be the parameters: a layer's delta is taken before its parameters change.
    func backward(
        _ parameters: UnsafeMutablePointer<Float>, count: Int, depth: Int,
        into target: UnsafeMutablePointer<Float>, scale: Float, keep: Float
    ) {
        for index in stride(from: depth - 1, through: firstTrained, by: -1) {
            let placed = stages[index].placed
            let pass = pass(index, parameters, count: count)
            if index > firstTrained { placed.layer.backward(pass) }
            if !placed.parameters.isEmpty {
                placed.layer.accumulateGradient(
                    pass, into: target + placed.parameters.lowerBound, scale: scale, keep: keep)
            }
        }
    }

    /// Like ``backward(_:count:depth:into:scale:keep:)``, but each example's gradient is first scaled down to L2
    /// norm `limit` where it is longer: target = keep * target + the sum of the clipped gradients.
    ///
    /// Ghost clipping (Goodfellow 2015, Li et al. 2022): norms come from activations and deltas; then every row
    /// of every delta shrinks by its example's factor, and the ordinary product yields the clipped sum. The
    /// deltas in memory must be those of the plain sum of losses (scale 1). An example whose norm is not a finite
    /// number adds nothing.
    func clippedBackward(
        _ parameters: UnsafeMutablePointer<Float>, count: Int, depth: Int, limit: Float,
        into target: UnsafeMutablePointer<Float>, keep: Float
    ) {
        rowFactors.update(repeating: 0, count: count)
        for index in stride(from: depth - 1, through: firstTrained, by: -1) {
            let pass = pass(index, parameters, count: count)
            if index > firstTrained { stages[index].placed.layer.backward(pass) }
            stages[index].placed.layer.addSquaredGradientNorms(pass, to: rowFactors)
        }
        for row in 0..<count {
            let norm = rowFactors[row].squareRoot()
            if !norm.isFinite { forget(row) }
            rowFactors[row] = norm > limit && norm.isFinite ? limit / norm : 1
        }
        for index in firstTrained..<max(depth, firstTrained) {
            let placed = stages[index].placed
            guard !placed.parameters.isEmpty else { continue }
            Kernels.scaleRows(stages[index].delta, by: rowFactors, rows: count, columns: placed.outputCount)
            placed.layer.accumulateGradient(
                pass(index, parameters, count: count), into: target + placed.parameters.lowerBound, scale: 1,
                keep: keep)
        }
    }

    /// Makes everything that one example of the batch left in memory zero: not a number times a factor of zero would
    /// still be none.
    private func forget(_ row: Int) {
        let width = stages.first?.placed.inputCount ?? 0
        (input + row * width).update(repeating: 0, count: width)
        for stage in stages {
            let (outputs, kept) = (stage.placed.outputCount, stage.placed.layer.scratchPerExample)
            (stage.output + row * outputs).update(repeating: 0, count: outputs)
            (stage.delta + row * outputs).update(repeating: 0, count: outputs)
            (stage.scratch + row * kept).update(repeating: 0, count: kept)
        }
    }

    private func pass(_ index: Int, _ parameters: UnsafeMutablePointer<Float>, count: Int) -> LayerPass {
        let stage = stages[index]
        return LayerPass(
            count: count, input: index > 0 ? stages[index - 1].output : input, output: stage.output,
            parameters: parameters + stage.placed.parameters.lowerBound, scratch: stage.scratch,
            inputDelta: index > 0 ? stages[index - 1].delta : input, outputDelta: stage.delta)
    }
}
