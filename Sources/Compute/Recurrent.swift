internal import CKernels

/// Weights in the order in which a step of a recurrence reads them.
///
/// Packing pays where the same weights meet few rows many times: each product reads them once, from the first to the
/// last.
package struct PackedWeights {
    /// The rows that a product multiplies have `inner` values, its results `columns`.
    package let inner: Int
    package let columns: Int
    private let panels: UnsafeMutablePointer<Float>

    /// Floats that packed weights of `inner` by `columns` take.
    package static func size(inner: Int, columns: Int) -> Int {
        let width = Int(sordino_panel_width)
        return inner * ((columns + width - 1) / width * width)
    }

    /// Packs `weights` into `memory`, which must hold ``size(inner:columns:)`` floats. They are [inner, columns], or
    /// [columns, inner] where `transposed`, row-major and dense.
    package init(
        _ weights: UnsafePointer<Float>, inner: Int, columns: Int, transposed: Bool,
        in memory: UnsafeMutablePointer<Float>
    ) {
        (self.inner, self.columns, panels) = (inner, columns, memory)
        sordino_pack_panels(memory, weights, transposed ? 1 : columns, transposed ? inner : 1, columns, inner)
    }

    /// How a product begins.
    package enum Start {
        /// With what the result holds.
        case held
        case zero
        /// With this row in each, of as many values as there are columns.
        case row(UnsafePointer<Float>)
    }

    /// result = start + rows · weights, [rows, columns]. Rows of the result begin `resultRow` floats apart, those that
    /// are multiplied `factorRow`.
    package func multiply(
        _ factors: UnsafePointer<Float>, row factorRow: Int, into result: UnsafeMutablePointer<Float>,
        row resultRow: Int, rows: Int, startingWith start: Start
    ) {
        switch start {
        case .held:
            sordino_panel_product(
                result, resultRow, factors, factorRow, panels, nil, 1, rows, columns, inner)
        case .zero:
            sordino_panel_product(
                result, resultRow, factors, factorRow, panels, nil, 0, rows, columns, inner)
        case .row(let bias):
            sordino_panel_product(
                result, resultRow, factors, factorRow, panels, bias, 0, rows, columns, inner)
        }
    }
}

/// What a recurrence does at one position, after the products with its weights.
package enum RecurrentCell: Sendable {
    /// h = tanh(a) (Elman 1990).
    case tanh
    /// Cho et al. 2014, with the reset gate after the recurrent product, as PyTorch has it.
    case gru
    /// Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.
    case lstm
}

/// One position of a recurrence, for all examples of a batch.
///
/// An example's gates, cell and states lie in a record, and records begin `record` floats apart. Where an example has
/// ended before the position, everything of it becomes zero.
package struct RecurrentStep {
    /// Examples.
    package var rows: Int
    /// Values of a state.
    package var units: Int
    package var record: Int
    /// Before ``forward(_:)`` what the gates squash, after it the gates, after ``backward(_:)`` the deltas of what
    /// they squash: LSTM in, forget, candidate, out; GRU reset, update, the recurrent part of the candidate, candidate
    /// (before forward: the input's part of it); tanh the state.
    package var gates: UnsafeMutablePointer<Float>
    /// The state before the position.
    package var previous: UnsafeMutablePointer<Float>
    /// A second place for the state after it, in the next position's record; nil at the last.
    package var following: UnsafeMutablePointer<Float>?
    /// The LSTM's cell after the position; nil for the others.
    package var cell: UnsafeMutablePointer<Float>?
    /// The LSTM's cell before it; nil at the first.
    package var cellBefore: UnsafeMutablePointer<Float>?
    /// The state after the position, `outputRow` floats from an example to the next.
    package var output: UnsafeMutablePointer<Float>
    package var outputRow: Int
    /// [rows]; nil where no example ends.
    package var lengths: UnsafePointer<Int32>?
    /// The position's number from 0.
    package var position: Int
    /// [rows, units], read and replaced by ``backward(_:)``: the state's delta from the position behind, without the
    /// output's. A GRU leaves what reaches the state before it past the weights; the others leave what they read.
    package var stateDelta: UnsafeMutablePointer<Float>?
    /// [rows, units], likewise for the LSTM's cell: replaced by the delta of the cell before.
    package var cellDelta: UnsafeMutablePointer<Float>?
    /// The output's delta, laid out as the output; nil where it is zero.
    package var outputDelta: UnsafePointer<Float>?

    /// A position of `rows` examples with `units` values a state; deltas are nil until they are set.
    package init(
        rows: Int, units: Int, record: Int, gates: UnsafeMutablePointer<Float>,
        previous: UnsafeMutablePointer<Float>, output: UnsafeMutablePointer<Float>, outputRow: Int,
        position: Int
    ) {
        (self.rows, self.units, self.record, self.position) = (rows, units, record, position)
        (self.gates, self.previous, self.output, self.outputRow) = (gates, previous, output, outputRow)
    }

    /// Squashes the gates and computes the state.
    package func forward(_ cell: RecurrentCell) {
        withUnsafePointer(to: step) { step in
            switch cell {
            case .tanh: sordino_tanh_cell(step)
            case .gru: sordino_gru_cell(step)
            case .lstm: sordino_lstm_cell(step)
            }
        }
    }

    /// Replaces the gates by the deltas of what they squashed. ``stateDelta`` must be set, and ``cellDelta`` for an
    /// LSTM.
    package func backward(_ cell: RecurrentCell) {
        withUnsafePointer(to: step) { step in
            switch cell {
            case .tanh: sordino_tanh_cell_backward(step)
            case .gru: sordino_gru_cell_backward(step)
            case .lstm: sordino_lstm_cell_backward(step)
            }
        }
    }

    private var step: sordino_recurrent_step {
        sordino_recurrent_step(
            rows: rows, units: units, record: record, gates: gates, previous: previous, following: following,
            cell: cell, cell_before: cellBefore, output: output, output_row: outputRow, lengths: lengths,
            position: Int32(position), state_delta: stateDelta, cell_delta: cellDelta,
            output_delta: outputDelta)
    }
}

extension Kernels {
    /// output = keep * output + scale * (sum of the rows of x), whose rows begin `row` floats apart; keep 0 ignores
    /// what was there.
    package static func sumRows(
        into output: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, row: Int, rows: Int,
        columns: Int,
        scale: Float, keep: Float
    ) {
        sordino_sum_rows_apart(output, x, row, rows, columns, scale, keep)
    }

    /// x[r, :] *= factor for `rows` rows that begin `row` floats apart.
    package static func scaleRows(
        _ x: UnsafeMutablePointer<Float>, row: Int, by factor: Float, rows: Int, columns: Int
    ) {
        sordino_scale_rows_apart(x, row, factor, rows, columns)
    }

    /// Σ (x + offset) y, accumulated in double.
    package static func sumOfProducts(
        _ x: UnsafePointer<Float>, offset: Float, _ y: UnsafePointer<Float>, count: Int
    ) -> Double {
        sordino_sum_of_products(x, offset, y, count)
    }
}
