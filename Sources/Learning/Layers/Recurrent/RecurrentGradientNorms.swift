internal import Compute

/// Squared norms of single examples' gradients of a stack of recurrent layers.
struct RecurrentGradientNorms {
    let stack: RecurrentStack

    private var cell: RecurrentCell { stack.cell }
    private var units: Int { stack.units }
    private var positions: Int { stack.positions }
    private var record: Int { stack.record }
    private var layers: [RecurrentStack.Place] { stack.layers }

    /// Whether norms come from products of positions (Li et al. 2022, section 4) rather than from the gradients
    /// themselves: whichever takes fewer multiplications.
    private func isGhost(_ place: RecurrentStack.Place) -> Bool {
        positions * (cell.gates * units + place.inputs + units)
            <= cell.weightRows * units * (place.inputs + units)
    }

    /// Floats that ``squaredGradientNorm(_:_:example:)`` works in.
    func normSize(_ place: RecurrentStack.Place) -> Int {
        isGhost(place)
            ? Takings.size(Array(repeating: positions * positions, count: 3))
            : cell.weightRows * units * max(1, place.inputs, units)
    }

    /// ‖∂‖² over those of layer `index`'s tensors that are trained, for one example.
    func squaredGradientNorm(_ index: Int, _ pass: LayerPass, example: Int) -> Float {
        isGhost(layers[index]) ? ghost(index, pass, example) : direct(index, pass, example)
    }

    // With D the products of the deltas at two positions, X those of the inputs and H those of the states:
    // Σ_{t,s} D_ts X_ts for W_ih and Σ D_ts H_ts for W_hh; Σ D_ts for each bias.
    private func ghost(_ index: Int, _ pass: LayerPass, _ example: Int) -> Float {
        let place = layers[index]
        let count = pass.length(of: example, positions: positions)
        let (square, records) = (count * count, pass.scratch.base + example * positions * record)
        var memory = Takings(pass.temporary)
        let (ofDeltas, ofInputs, ofStates) = (
            memory.take(square), memory.take(square), memory.take(square)
        )
        let (input, row) = stack.input(index, pass)
        fill(
            ofInputs, count, input + example * positions * row, row: row, columns: place.inputs,
            if: pass.parameters.isTrained(4 * index))
        fill(
            ofStates, count, records + place.previous, row: record, columns: units,
            if: pass.parameters.isTrained(4 * index + 1))
        let inputOffset: Float = pass.parameters.isTrained(4 * index + 2) ? 1 : 0
        let stateOffset: Float = pass.parameters.isTrained(4 * index + 3) ? 1 : 0
        var sum = 0.0
        func add(gates first: Int, _ gates: Int, byInput: Bool, byState: Bool) {
            guard gates > 0 else { return }
            fill(
                ofDeltas, count, records + place.gates + first * units, row: record, columns: gates * units,
                if: true)
            if byInput {
                sum += Kernels.sumOfProducts(ofInputs, offset: inputOffset, ofDeltas, count: square)
            }
            if byState {
                sum += Kernels.sumOfProducts(ofStates, offset: stateOffset, ofDeltas, count: square)
            }
        }
        add(gates: 0, cell.sharedGates, byInput: true, byState: true)
        add(gates: cell.sharedGates, cell.stateGates, byInput: false, byState: true)
        add(gates: cell.sharedGates + cell.stateGates, cell.inputGates, byInput: true, byState: false)
        // Rounding must not carry a small norm below zero, nor hide one that is not a number.
        return sum.isNaN ? .nan : Float(max(0, sum))
    }

    // target[t, s] = ⟨x_t, x_s⟩ for `count` rows of x, or all zeros.
    private func fill(
        _ target: UnsafeMutablePointer<Float>, _ count: Int, _ x: UnsafePointer<Float>, row: Int,
        columns: Int,
        if isWanted: Bool
    ) {
        guard isWanted else { return target.update(repeating: 0, count: count * count) }
        BLAS.multiply(
            x, aRow: row, x, transposeB: true, bRow: row, into: target, rows: count, columns: count,
            inner: columns)
    }

    /// What rounding makes of layer `index`'s gradient of one example (``Layer/squaredRounding(_:)``).
    func squaredRounding(_ index: Int, _ single: LayerPass) -> Double {
        let (place, (input, row)) = (layers[index], stack.input(index, single))
        var (ofDeltas, ofInputs, ofStates) = (0.0, 0.0, 0.0)
        let count = single.length(of: 0, positions: positions)
        for position in 0..<count {
            let records = single.scratch.base + position * record
            ofDeltas += Kernels.squareNorm(records + place.gates, count: cell.gates * units)
            ofInputs += Kernels.squareNorm(input + position * row, count: place.inputs)
            ofStates += Kernels.squareNorm(records + place.previous, count: units)
        }
        let share = isGhost(place) ? Rounding.ofSquares : Rounding.ofSums
        return share * (ofInputs + ofStates + Double(2 * count)) * ofDeltas
    }

    private func direct(_ index: Int, _ pass: LayerPass, _ example: Int) -> Float {
        let (place, single) = (layers[index], pass.single(example))
        let gradient = pass.temporary.base
        var sum = 0.0
        let sizes = (
            cell.weightRows * units * place.inputs, cell.weightRows * units * units, cell.weightRows * units
        )
        if pass.parameters.isTrained(4 * index) {
            stack.addInputWeightGradient(index, single, to: gradient, scale: 1, keep: 0)
            sum += Kernels.squareNorm(gradient, count: sizes.0)
        }
        if pass.parameters.isTrained(4 * index + 1) {
            stack.addStateWeightGradient(index, single, to: gradient, scale: 1, keep: 0)
            sum += Kernels.squareNorm(gradient, count: sizes.1)
        }
        if pass.parameters.isTrained(4 * index + 2) {
            stack.addInputBiasGradient(index, single, to: gradient, scale: 1, keep: 0)
            sum += Kernels.squareNorm(gradient, count: sizes.2)
        }
        if pass.parameters.isTrained(4 * index + 3) {
            stack.addStateBiasGradient(index, single, to: gradient, scale: 1, keep: 0)
            sum += Kernels.squareNorm(gradient, count: sizes.2)
        }
        return Float(sum)
    }
}
