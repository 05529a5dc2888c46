internal import Compute

/// The stacked layers of a recurrent network: where their data lies, and what a pass does.
///
/// Everything that one position keeps is one record, and an example's records lie one after the other. Rows of all
/// positions of all examples are then as far apart as each other, so that the weights' gradients, the input projections
/// and the input's deltas are one product each for a whole batch; only the products with the recurrent weights go
/// position by position. Backward replaces gates by the deltas of what they squashed, which is what gradients and norms
/// read.
struct RecurrentStack: Sendable {
    /// Where one layer's part of a record begins, in floats.
    struct Place: Sendable {
        /// Values that the layer reads at a position.
        let inputs: Int
        let gates: Int
        /// The state before the position.
        let previous: Int
        /// The cell after it, where there is one.
        let cell: Int
        /// The state after it; nil where that lies in the layer's output.
        let state: Int?
    }

    let cell: RecurrentCell
    let units: Int
    let positions: Int
    /// Bottom first.
    let layers: [Place]
    /// Floats of a record: an odd number of cache lines, so that the same place of many records does not fall in the
    /// same set of a cache.
    let record: Int

    init(
        cell: RecurrentCell, units: Int, layerCount: Int, inputs: Int, positions: Int, keepsTopStates: Bool
    ) {
        (self.cell, self.units, self.positions) = (cell, units, positions)
        var end = 0
        func take(_ count: Int) -> Int {
            defer { end += count }
            return end
        }
        layers = (0..<layerCount).map { index in
            Place(
                inputs: index == 0 ? inputs : units, gates: take(cell.gates * units), previous: take(units),
                cell: take(cell.hasCell ? units : 0),
                state: index < layerCount - 1 || keepsTopStates ? take(units) : nil)
        }
        record = ((end + 15) / 16 | 1) * 16
    }

    // MARK: Where data lies

    /// What a layer reads at the first position of the first example, and how far apart positions are.
    func input(_ index: Int, _ pass: LayerPass) -> (base: UnsafeMutablePointer<Float>, row: Int) {
        guard index > 0, let state = layers[index - 1].state else {
            return (pass.input.base, layers[index].inputs)
        }
        return (pass.scratch.base + state, record)
    }

    /// Where a layer's state after the first position of the first example lies, and how far apart positions are.
    private func states(_ index: Int, _ pass: LayerPass) -> (base: UnsafeMutablePointer<Float>, row: Int) {
        guard let state = layers[index].state else { return (pass.output.base, units) }
        return (pass.scratch.base + state, record)
    }

    /// Positions that the longest example of the batch fills.
    private func longest(_ pass: LayerPass) -> Int {
        (0..<pass.count).reduce(0) { max($0, pass.length(of: $1, positions: positions)) }
    }

    /// One position of a layer, forward's part.
    private func step(_ index: Int, _ pass: LayerPass, position: Int) -> RecurrentStep {
        let place = layers[index]
        let here = pass.scratch.base + position * record
        let (states, row) = states(index, pass)
        var step = RecurrentStep(
            rows: pass.count, units: units, record: positions * record, gates: here + place.gates,
            previous: here + place.previous, output: states + position * row, outputRow: positions * row,
            position: position)
        if position + 1 < positions { step.following = here + record + place.previous }
        if cell.hasCell {
            step.cell = here + place.cell
            if position > 0 { step.cellBefore = here - record + place.cell }
        }
        step.lengths = pass.lengths
        return step
    }

    // MARK: Forward

    /// Computes the states of layer `index` from the input or the layer below.
    func forward(_ index: Int, _ pass: LayerPass) {
        var memory = Takings(pass.temporary)
        let place = layers[index]
        let gates = pass.scratch.base + place.gates
        projectInput(index, pass, &memory)
        let weight = pass.parameters[4 * index + 1]
        let shared = pack(
            weight, rows: cell.sharedGates, inner: units, transposed: true, in: &memory)
        let own = pack(
            weight + cell.sharedGates * units * units, rows: cell.stateGates, inner: units, transposed: true,
            in: &memory)
        let ownBias = pass.parameters[4 * index + 3] + cell.sharedGates * units
        let longest = longest(pass)
        for example in 0..<pass.count {
            (pass.scratch.base + example * positions * record + place.previous).update(
                repeating: 0, count: units)
        }
        for position in 0..<positions {
            let step = step(index, pass, position: position)
            if position < longest {
                shared.multiply(
                    step.previous, row: step.record, into: step.gates, row: step.record, rows: pass.count,
                    startingWith: .held)
                if cell.stateGates > 0 {
                    own.multiply(
                        step.previous, row: step.record,
                        into: gates + position * record + cell.sharedGates * units, row: step.record,
                        rows: pass.count, startingWith: .row(ownBias))
                }
            }
            step.forward(cell)
        }
    }

    // gates = W_ih x + b_ih (+ b_hh where the state feeds the gate as well), for all positions at once.
    private func projectInput(_ index: Int, _ pass: LayerPass, _ memory: inout Takings) {
        let (input, row) = input(index, pass)
        let gates = pass.scratch.base + layers[index].gates
        let (inputs, sharedRows) = (layers[index].inputs, cell.sharedGates * units)
        let weight = pass.parameters[4 * index]
        let (inputBias, stateBias) = (pass.parameters[4 * index + 2], pass.parameters[4 * index + 3])
        let bias = memory.take(sharedRows)
        for unit in 0..<sharedRows { bias[unit] = inputBias[unit] + stateBias[unit] }
        let shared = pack(
            weight, rows: cell.sharedGates, inner: inputs, transposed: true, in: &memory)
        shared.multiply(
            input, row: row, into: gates, row: record, rows: pass.count * positions, startingWith: .row(bias))
        guard cell.inputGates > 0 else { return }
        let own = pack(
            weight + sharedRows * inputs, rows: cell.inputGates, inner: inputs, transposed: true, in: &memory)
        own.multiply(
            input, row: row, into: gates + sharedRows + cell.stateGates * units, row: record,
            rows: pass.count * positions, startingWith: .row(inputBias + sharedRows))
    }

    /// The top layer's state at each example's last position, as the output.
    func copyLastStates(_ pass: LayerPass) {
        guard let top = layers.last?.state else { return }
        for example in 0..<pass.count {
            let last = pass.length(of: example, positions: positions) - 1
            (pass.output.base + example * units).update(
                from: pass.scratch.base + (example * positions + max(0, last)) * record + top, count: units)
        }
    }

    // MARK: Backward

    /// Computes the deltas of what layer `index` squashed, and from them its input's.
    ///
    /// Layers go from the top down: what one leaves for the layer below lies first in the temporaries.
    func backward(_ index: Int, _ pass: LayerPass) {
        var memory = Takings(pass.temporary)
        let between = layers.count > 1 ? memory.take(pass.count * positions * units) : nil
        let stateDelta = memory.take(pass.count * units)
        let cellDelta = memory.take(pass.count * units)
        let rows = cell.sharedGates + cell.stateGates
        let weight = PackedWeights(
            pass.parameters[4 * index + 1], inner: rows * units, columns: units, transposed: false,
            in: memory.take(PackedWeights.size(inner: rows * units, columns: units)))
        stateDelta.update(repeating: 0, count: pass.count * units)
        cellDelta.update(repeating: 0, count: pass.count * units)
        let isTop = index == layers.count - 1
        let endsInOne = isTop && layers[index].state != nil
        let above = isTop ? pass.outputDelta.base : between
        let longest = longest(pass)
        for position in (0..<positions).reversed() {
            var step = step(index, pass, position: position)
            (step.stateDelta, step.cellDelta) = (stateDelta, cell.hasCell ? cellDelta : nil)
            if endsInOne {
                addOutputDeltas(pass, endingAt: position, to: stateDelta)
            } else if let above {
                step.outputDelta = UnsafePointer(above + position * units)
                step.outputRow = positions * units
            }
            step.backward(cell)
            guard position > 0, position < longest else { continue }
            weight.multiply(
                step.gates, row: step.record, into: stateDelta, row: units, rows: pass.count,
                startingWith: cell == .gru ? .held : .zero)
        }
        if let target = index == 0 ? pass.inputDelta?.base : between {
            computeInputDelta(index, pass, into: target, &memory)
        }
    }

    // Adds the output's delta of the examples whose last position this is.
    private func addOutputDeltas(
        _ pass: LayerPass, endingAt position: Int, to stateDelta: UnsafeMutablePointer<Float>
    ) {
        for example in 0..<pass.count where pass.length(of: example, positions: positions) == position + 1 {
            Kernels.addScaled(
                to: stateDelta + example * units, pass.outputDelta.base + example * units, factor: 1,
                count: units)
        }
    }

    // ∂x = δ W_ih, for all positions at once.
    private func computeInputDelta(
        _ index: Int, _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, _ memory: inout Takings
    ) {
        let deltas = pass.scratch.base + layers[index].gates
        let (inputs, sharedRows) = (layers[index].inputs, cell.sharedGates * units)
        let weight = pass.parameters[4 * index]
        let rows = pass.count * positions
        let shared = PackedWeights(
            weight, inner: sharedRows, columns: inputs, transposed: false,
            in: memory.take(PackedWeights.size(inner: sharedRows, columns: inputs)))
        shared.multiply(deltas, row: record, into: target, row: inputs, rows: rows, startingWith: .zero)
        guard cell.inputGates > 0 else { return }
        let ownRows = cell.inputGates * units
        let own = PackedWeights(
            weight + sharedRows * inputs, inner: ownRows, columns: inputs, transposed: false,
            in: memory.take(PackedWeights.size(inner: ownRows, columns: inputs)))
        own.multiply(
            deltas + sharedRows + cell.stateGates * units, row: record, into: target, row: inputs, rows: rows,
            startingWith: .held)
    }

    /// Multiplies all deltas of each example by its factor.
    func scaleDeltas(_ pass: LayerPass, by factors: UnsafePointer<Float>) {
        for place in layers {
            for example in 0..<pass.count {
                Kernels.scaleRows(
                    pass.scratch.base + example * positions * record + place.gates, row: record,
                    by: factors[example], rows: positions, columns: cell.gates * units)
            }
        }
    }

    // MARK: Memory that a call works in

    // Weights [rows × units, inner], packed for products with rows of `inner` values.
    private func pack(
        _ weight: UnsafePointer<Float>, rows: Int, inner: Int, transposed: Bool, in memory: inout Takings
    ) -> PackedWeights {
        PackedWeights(
            weight, inner: inner, columns: rows * units, transposed: transposed,
            in: memory.take(PackedWeights.size(inner: inner, columns: rows * units)))
    }

    /// Floats that any one call takes.
    func temporaries(count: Int) -> Int {
        layers.reduce(0) { most, place in
            max(
                most, forwardSize(place), backwardSize(place, count: count),
                RecurrentGradientNorms(stack: self).normSize(place))
        }
    }

    private func forwardSize(_ place: Place) -> Int {
        let own = cell.gates > cell.sharedGates ? units : 0
        return Takings.size([cell.sharedGates * units])
            + Takings.size(
                [place.inputs, units].flatMap { inner in
                    [
                        PackedWeights.size(inner: inner, columns: cell.sharedGates * units),
                        PackedWeights.size(inner: inner, columns: own),
                    ]
                })
    }

    private func backwardSize(_ place: Place, count: Int) -> Int {
        let (shared, state, own) = (
            cell.sharedGates * units, cell.stateGates * units, cell.inputGates * units
        )
        return Takings.size([
            layers.count > 1 ? count * positions * units : 0, count * units, count * units,
            PackedWeights.size(inner: shared + state, columns: units),
            PackedWeights.size(inner: shared, columns: place.inputs),
            PackedWeights.size(inner: own, columns: place.inputs),
        ])
    }
}

/// Parts of the memory that a call works in, given out from the front, each at the beginning of a cache line.
struct Takings {
    private let block: FloatBlock
    private var taken = 0

    init(_ block: FloatBlock) { self.block = block }

    /// The next `count` floats.
    mutating func take(_ count: Int) -> UnsafeMutablePointer<Float> {
        defer { taken += Self.whole(count) }
        return block.part(taken, count).base
    }

    /// Floats that parts of these sizes take in all.
    static func size(_ counts: [Int]) -> Int { counts.reduce(0) { $0 + whole($1) } }

    // Up to the end of a cache line.
    private static func whole(_ count: Int) -> Int { (count + 15) / 16 * 16 }
}
