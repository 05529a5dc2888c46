internal import Compute

/// A network's activations, deltas and scratch for batches of up to `capacity` examples, and the passes over
/// them. Owned by one thread; nothing is allocated after `init`.
final class Workspace {
    /// Where one node's data lies: plain pointers and numbers, since a step copies it several times.
    struct Stage {
        /// Nil where the node is the sum of two values.
        let layer: (any Layer)?
        let places: UnsafeBufferPointer<ParameterPlace>
        let input: Source
        /// What a sum reads beside `input`.
        let second: Source?
        let output: UnsafeMutablePointer<Float>
        let delta: UnsafeMutablePointer<Float>
        let scratch: UnsafeMutablePointer<Float>
        /// Floats of one example.
        let inputCount: Int
        let outputCount: Int
        let scratchCount: Int
        /// Whether anything at or below it is trained, itself, and whether a tensor of its is another's too.
        let goesBack: Bool
        let isTrained: Bool
        let sharesParameters: Bool
    }

    /// A value that a node reads, and the way of its delta.
    struct Source {
        let value: UnsafeMutablePointer<Float>
        let delta: UnsafeMutablePointer<Float>?
        let route: ActivationPlan.DeltaRoute
    }

    let capacity: Int
    let model: Model
    let stages: [Stage]
    /// What changes gathered images; nil for other models, and wherever nothing is trained.
    var augmentation: ImageAugmentation?
    /// [capacity, input size].
    let input: UnsafeMutablePointer<Float>
    private let arena: Arena
    private let lengths: UnsafeMutablePointer<Int32>
    private var hasLengths = false
    private let labels: UnsafeMutablePointer<Int32>
    /// [capacity, output size]: targets that are numbers, or the features where the loss reads those.
    let targetValues: UnsafeMutablePointer<Float>
    private let temporary: FloatBlock
    private let branch: UnsafeMutablePointer<Float>
    private let frozen: UnsafeMutablePointer<Float>?
    /// The nodes' tensors, and which of them backward passes write the gradient of.
    let targets: ParameterTargets
    /// Where private training forms one example's gradient.
    let direct: DirectGradients
    /// [capacity]; per-example numbers of whoever drives the passes.
    let rowFactors: UnsafeMutablePointer<Float>
    /// Blocks of floats that the owner asked for, in its order.
    let extra: [UnsafeMutablePointer<Float>]
    /// Rows of the output that have a target each: the positions of a sequence.
    private let rowsPerExample: Int
    private let outputWidth: Int

    /// Batches above this are processed in chunks; it bounds the arena, not the batch size.
    static let chunkLimit = 512
    /// Floats of activations and deltas beyond which a chunk has fewer examples.
    private static let roomLimit = 1 << 26

    /// The largest number of examples, at most `wanted`, that one chunk of this model should have.
    static func chunk(of model: Model, wanted: Int) -> Int {
        let room = roomLimit / max(1, ActivationPlan.floatsPerExample(model))
        return max(1, min(wanted, chunkLimit, room))
    }

    init(model: Model, capacity: Int, use: ActivationPlan.Use, extra: [Int] = []) {
        precondition(
            model.frozenLayout.count == 0 || model.frozen != nil,
            "the model's frozen parameters have no values")
        (self.capacity, self.model) = (capacity, model)
        let plan = ActivationPlan(model, capacity: capacity, use: use)
        let arena = Arena()
        let block = arena.reserve(plan.size)
        let shape = model.outputShape
        (rowsPerExample, outputWidth) = (shape.positions, shape.width)
        let labels = arena.reserve(capacity * rowsPerExample)
        // Targets at positions are labels: as values they would take as much room as the outputs.
        let values = arena.reserve(shape.hasTime ? 0 : capacity * shape.count)
        let lengths = arena.reserve(capacity)
        let factors = arena.reserve(capacity)
        let temporary = arena.reserve(plan.temporaries)
        let branch = arena.reserve(plan.branch)
        let gradients = DirectGradients.Layout(use == .privateTraining ? model.nodes : [])
        let direct = arena.reserve(gradients.size)
        let extraPlaces = extra.map { arena.reserve($0) }
        arena.allocate()
        self.arena = arena
        self.labels = arena.integers(labels)
        targetValues = arena.floats(values)
        self.lengths = arena.integers(lengths)
        rowFactors = arena.floats(factors)
        self.temporary = FloatBlock(arena.floats(temporary), count: plan.temporaries)
        self.branch = arena.floats(branch)
        frozen = model.frozen?.base
        self.direct = DirectGradients(gradients, FloatBlock(arena.floats(direct), count: gradients.size))
        self.extra = extraPlaces.map { arena.floats($0) }
        let base = arena.floats(block)
        input = base + plan.values[0]
        targets = ParameterTargets(model)
        stages = Self.stages(model, plan, base, targets.places)
    }

    private static func stages(
        _ model: Model, _ plan: ActivationPlan, _ base: UnsafeMutablePointer<Float>,
        _ places: UnsafeBufferPointer<ParameterPlace>
    ) -> [Stage] {
        let needed = ActivationPlan.valuesWithDelta(model, plan.use)
        var start = 0
        return model.nodes.enumerated().map { index, node in
            let own = UnsafeBufferPointer(rebasing: places[start..<(start + node.places.count)])
            start += node.places.count
            let sources = zip(node.inputs, plan.routes[index]).map { value, route in
                Source(
                    value: base + plan.values[value], delta: plan.deltas[value].map { base + $0 },
                    route: route)
            }
            return Stage(
                layer: node.layer, places: own, input: sources[0],
                second: sources.count > 1 ? sources[1] : nil,
                output: base + plan.values[node.output], delta: base + (plan.deltas[node.output] ?? 0),
                scratch: base + plan.scratch[index].offset, inputCount: node.inputShape.count,
                outputCount: node.outputShape.count, scratchCount: node.layer?.scratchPerExample ?? 0,
                goesBack: needed[node.output], isTrained: node.isTrained,
                sharesParameters: node.sharesParameters)
        }
    }

    /// Number of nodes to run under `loss`: the last one is left out where it is the loss's own link.
    func depth(under loss: any Loss) -> Int {
        guard let kind = type(of: loss).link.layerKind, model.lastKind == kind else {
            return stages.count
        }
        return stages.count - 1
    }

    /// The outputs of the first `depth` nodes for the batch in memory.
    func outputs(depth: Int) -> UnsafeMutablePointer<Float> {
        depth > 0 ? stages[depth - 1].output : input
    }

    /// Copies a batch into the arena: features as floats (tokens as they are), targets in the loss's form (none without
    /// a loss).
    func gather(_ examples: Examples, _ indices: UnsafeBufferPointer<Int32>, for loss: (any Loss)?) {
        precondition(indices.count <= capacity, "the batch is larger than the arena")
        precondition(model.reads(examples.features), "examples that the model does not read")
        Kernels.gather(examples, indices, into: input)
        augmentation?.apply(to: input, count: indices.count)
        hasLengths = examples.lengths != nil
        if let all = examples.lengths {
            for (row, index) in indices.enumerated() { lengths[row] = all[Int(index)] }
        }
        guard let loss else { return }
        if type(of: loss).readsInput {
            // A copy: evaluation gives the input's room to a later value.
            targetValues.update(from: input, count: indices.count * model.outputCount)
        } else {
            gatherTargets(examples, indices, readsLabels: type(of: loss).readsLabels)
        }
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
                } else if outputWidth == 1 {
                    targetValues[row] = Float(label)
                } else {
                    let target = targetValues + row * outputWidth
                    target.update(repeating: 0, count: outputWidth)
                    target[Int(label)] = 1
                }
            }
        case .values(let table, let width):
            for (row, index) in indices.enumerated() {
                for column in 0..<width {
                    targetValues[row * width + column] = table[Int(index) * width + column]
                }
            }
        case .tokens(let table, let length, let classes):
            precondition(length == rowsPerExample && classes <= outputWidth, "targets do not fit the model")
            for (row, index) in indices.enumerated() {
                for position in 0..<length {
                    labels[row * length + position] = table[Int(index) * length + position]
                }
            }
        }
    }

    /// Runs the first `depth` nodes as evaluation does.
    func infer(_ parameters: UnsafeMutablePointer<Float>, count: Int, depth: Int) {
        for index in 0..<depth {
            if let layer = stages[index].layer {
                layer.infer(pass(index, parameters, count: count))
            } else {
                addValues(stages[index], count)
            }
        }
    }

    /// Runs the first `depth` nodes as training does.
    func forward(
        _ parameters: UnsafeMutablePointer<Float>, count: Int, depth: Int, random: inout SeededGenerator
    ) {
        for index in 0..<depth {
            if let layer = stages[index].layer {
                layer.forward(pass(index, parameters, count: count), random: &random)
            } else {
                addValues(stages[index], count)
            }
        }
    }

    /// The sum of the losses of the batch in memory, of a sequence the mean over the positions that it could have; the
    /// last node's delta becomes `scale` × its gradient.
    func evaluate(_ loss: any Loss, count: Int, depth: Int, scale: Float) -> Double {
        // The length that the model reads, not the number of positions with a target: a constant of the plan.
        let share = 1 / Float(rowsPerExample)
        let sum = loss.evaluate(
            LossPass(
                count: count * rowsPerExample, width: outputWidth, outputs: outputs(depth: depth),
                delta: depth > 0 ? stages[depth - 1].delta : targetValues, labels: labels,
                values: targetValues, scale: scale * share))
        return rowsPerExample == 1 ? sum : sum / Double(rowsPerExample)
    }

    /// Goes back through the nodes; each layer's part of `target` becomes keep * target + scale * gradient.
    /// The target may be the parameters, where no two nodes share any: a layer's delta is taken before its parameters
    /// change.
    func backward(
        _ parameters: UnsafeMutablePointer<Float>, count: Int, depth: Int,
        into target: UnsafeMutablePointer<Float>, scale: Float, keep: Float
    ) {
        for index in stride(from: depth - 1, through: targets.lowest, by: -1) where stages[index].goesBack {
            goBack(index, parameters, count: count) { layer, pass in
                guard stages[index].isTrained else { return }
                layer.accumulateGradient(
                    pass,
                    into: GradientBlocks(
                        places: targets.targets(stages[index].places), base: target, scale: scale, keep: keep)
                )
            }
        }
    }

    /// Goes back through the nodes without forming the parameters' gradient: what is wanted is the input's delta.
    func backwardToInput(_ parameters: UnsafeMutablePointer<Float>, count: Int, depth: Int) {
        for index in stride(from: depth - 1, through: 0, by: -1) {
            goBack(index, parameters, count: count) { _, _ in }
        }
    }

    /// [capacity, input size]: the input's delta, where it is wanted; nil elsewhere.
    var inputDelta: UnsafeMutablePointer<Float>? {
        stages.first { $0.input.value == input }?.input.delta
    }

    /// Takes the deltas of one node's inputs from its output's; `body` sees its layer and pass before an added delta
    /// moves on.
    func goBack(
        _ index: Int, _ parameters: UnsafeMutablePointer<Float>, count: Int,
        _ body: (any Layer, LayerPass) -> Void
    ) {
        let stage = stages[index]
        guard let layer = stage.layer else { return addDeltas(stage, count) }
        let pass = pass(index, parameters, count: count)
        layer.backward(pass)
        body(layer, pass)
        if stage.input.route == .add, let target = stage.input.delta {
            Kernels.addScaled(to: target, branch, factor: 1, count: count * stage.inputCount)
        }
    }

    private func addValues(_ stage: Stage, _ count: Int) {
        guard let second = stage.second else { return }
        Kernels.add(into: stage.output, stage.input.value, second.value, count: count * stage.outputCount)
    }

    private func addDeltas(_ stage: Stage, _ count: Int) {
        addDelta(of: stage, to: stage.input, count)
        if let second = stage.second { addDelta(of: stage, to: second, count) }
    }

    private func addDelta(of stage: Stage, to source: Source, _ count: Int) {
        guard let target = source.delta else { return }
        let size = count * stage.outputCount
        switch source.route {
        case .none: break
        case .write: target.update(from: stage.delta, count: size)
        case .add: Kernels.addScaled(to: target, stage.delta, factor: 1, count: size)
        }
    }

    /// What node `index`, a layer, sees of the batch in memory.
    func pass(_ index: Int, _ parameters: UnsafeMutablePointer<Float>, count: Int) -> LayerPass {
        let stage = stages[index]
        let (inputs, outputs) = (count * stage.inputCount, count * stage.outputCount)
        let inputDelta: UnsafeMutablePointer<Float>? =
            switch stage.input.route {
            case .none: nil
            case .write: stage.input.delta
            case .add: branch
            }
        return LayerPass(
            count: count, lengths: hasLengths ? UnsafePointer(lengths) : nil,
            input: FloatBlock(stage.input.value, count: inputs),
            output: FloatBlock(stage.output, count: outputs),
            parameters: ParameterBlocks(
                places: stage.places, trained: parameters, frozen: frozen),
            scratch: FloatBlock(stage.scratch, count: count * stage.scratchCount), temporary: temporary,
            inputDelta: inputDelta.map { FloatBlock($0, count: inputs) },
            outputDelta: FloatBlock(stage.delta, count: outputs))
    }
}
