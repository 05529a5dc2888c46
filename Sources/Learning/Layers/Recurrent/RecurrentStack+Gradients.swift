internal import Compute

// Gradients and their norms for single examples, from the deltas that backward has left in place of the gates.
extension RecurrentStack {
    /// Adds the gradients of layer `index`: ∂W_ih = Σ δ_t x_tᵀ, ∂W_hh = Σ δ_t h_{t−1}ᵀ, the biases' Σ δ_t, each with
    /// the deltas of the gates that the tensor feeds.
    func accumulateGradient(_ index: Int, _ pass: LayerPass, into gradient: GradientBlocks) {
        if let (target, keep) = gradient[4 * index] {
            addInputWeightGradient(index, pass, to: target, scale: gradient.scale, keep: keep)
        }
        if let (target, keep) = gradient[4 * index + 1] {
            addStateWeightGradient(index, pass, to: target, scale: gradient.scale, keep: keep)
        }
        if let (target, keep) = gradient[4 * index + 2] {
            addInputBiasGradient(index, pass, to: target, scale: gradient.scale, keep: keep)
        }
        if let (target, keep) = gradient[4 * index + 3] {
            addStateBiasGradient(index, pass, to: target, scale: gradient.scale, keep: keep)
        }
    }

    /// Gates that W_hh feeds; they come first.
    private var stateRows: Int { (cell.sharedGates + cell.stateGates) * units }

    /// Calls `body` for each run of the gates that W_ih feeds, with its first float among the gates, its first row of
    /// the weight and its length.
    private func forEachInputRun(_ body: (_ gates: Int, _ weights: Int, _ count: Int) -> Void) {
        let shared = cell.sharedGates * units
        body(0, 0, shared)
        if cell.inputGates > 0 { body(shared + cell.stateGates * units, shared, cell.inputGates * units) }
    }

    private func addInputWeightGradient(
        _ index: Int, _ pass: LayerPass, to target: UnsafeMutablePointer<Float>, scale: Float, keep: Float
    ) {
        let (place, (input, row)) = (layers[index], input(index, pass))
        forEachInputRun { gates, weights, count in
            BLAS.multiply(
                pass.scratch.base + place.gates + gates, transposeA: true, aRow: record, input, bRow: row,
                into: target + weights * place.inputs, rows: count, columns: place.inputs,
                inner: pass.count * positions, scale: scale, keep: keep)
        }
    }

    private func addStateWeightGradient(
        _ index: Int, _ pass: LayerPass, to target: UnsafeMutablePointer<Float>, scale: Float, keep: Float
    ) {
        let place = layers[index]
        BLAS.multiply(
            pass.scratch.base + place.gates, transposeA: true, aRow: record,
            pass.scratch.base + place.previous, bRow: record, into: target, rows: stateRows, columns: units,
            inner: pass.count * positions, scale: scale, keep: keep)
    }

    private func addInputBiasGradient(
        _ index: Int, _ pass: LayerPass, to target: UnsafeMutablePointer<Float>, scale: Float, keep: Float
    ) {
        let place = layers[index]
        forEachInputRun { gates, weights, count in
            Kernels.sumRows(
                into: target + weights, pass.scratch.base + place.gates + gates, row: record,
                rows: pass.count * positions, columns: count, scale: scale, keep: keep)
        }
    }

    private func addStateBiasGradient(
        _ index: Int, _ pass: LayerPass, to target: UnsafeMutablePointer<Float>, scale: Float, keep: Float
    ) {
        Kernels.sumRows(
            into: target, pass.scratch.base + layers[index].gates, row: record, rows: pass.count * positions,
            columns: stateRows, scale: scale, keep: keep)
    }

    // MARK: Norms

    /// Whether norms come from products of positions (Li et al. 2022, section 4) rather than from the gradients
    /// themselves: whichever takes fewer multiplications.
    private func isGhost(_ place: Place) -> Bool {
        positions * (cell.gates * units + place.inputs + units)
            <= cell.weightRows * units * (place.inputs + units)
    }

    /// Floats that ``squaredGradientNorm(_:_:example:)`` works in.
    func normSize(_ place: Place) -> Int {
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
        let (input, row) = input(index, pass)
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

    private func direct(_ index: Int, _ pass: LayerPass, _ example: Int) -> Float {
        let (place, single) = (layers[index], pass.single(example))
        let gradient = pass.temporary.base
        var sum = 0.0
        let sizes = (
            cell.weightRows * units * place.inputs, cell.weightRows * units * units, cell.weightRows * units
        )
        if pass.parameters.isTrained(4 * index) {
            addInputWeightGradient(index, single, to: gradient, scale: 1, keep: 0)
            sum += Kernels.squareNorm(gradient, count: sizes.0)
        }
        if pass.parameters.isTrained(4 * index + 1) {
            addStateWeightGradient(index, single, to: gradient, scale: 1, keep: 0)
            sum += Kernels.squareNorm(gradient, count: sizes.1)
        }
        if pass.parameters.isTrained(4 * index + 2) {
            addInputBiasGradient(index, single, to: gradient, scale: 1, keep: 0)
            sum += Kernels.squareNorm(gradient, count: sizes.2)
        }
        if pass.parameters.isTrained(4 * index + 3) {
            addStateBiasGradient(index, single, to: gradient, scale: 1, keep: 0)
            sum += Kernels.squareNorm(gradient, count: sizes.2)
        }
        return Float(sum)
    }
}
