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

    func addInputWeightGradient(
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

    func addStateWeightGradient(
        _ index: Int, _ pass: LayerPass, to target: UnsafeMutablePointer<Float>, scale: Float, keep: Float
    ) {
        let place = layers[index]
        BLAS.multiply(
            pass.scratch.base + place.gates, transposeA: true, aRow: record,
            pass.scratch.base + place.previous, bRow: record, into: target, rows: stateRows, columns: units,
            inner: pass.count * positions, scale: scale, keep: keep)
    }

    func addInputBiasGradient(
        _ index: Int, _ pass: LayerPass, to target: UnsafeMutablePointer<Float>, scale: Float, keep: Float
    ) {
        let place = layers[index]
        forEachInputRun { gates, weights, count in
            Kernels.sumRows(
                into: target + weights, pass.scratch.base + place.gates + gates, row: record,
                rows: pass.count * positions, columns: count, scale: scale, keep: keep)
        }
    }

    func addStateBiasGradient(
        _ index: Int, _ pass: LayerPass, to target: UnsafeMutablePointer<Float>, scale: Float, keep: Float
    ) {
        Kernels.sumRows(
            into: target, pass.scratch.base + layers[index].gates, row: record, rows: pass.count * positions,
            columns: stateRows, scale: scale, keep: keep)
    }
}
