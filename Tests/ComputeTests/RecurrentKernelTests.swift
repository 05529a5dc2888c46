import Foundation
import Testing

@testable import Compute

/// Packed products and the cells of recurrences against the sums and formulas that define them, in doubles.
@Suite struct RecurrentKernelTests {
    // Every number of rows of a tile, one and more tiles, and columns on both sides of a panel's edge.
    static let shapes: [(rows: Int, inner: Int, columns: Int)] =
        (1...13).map { ($0, 5, 33) } + [(25, 3, 32), (40, 17, 64), (2, 1, 1), (7, 40, 47), (10, 64, 80)]

    static let ways = ["held", "zero", "row"].flatMap { [($0, false), ($0, true)] }

    @Test(arguments: shapes.indices, ways)
    func packedProductsAreTheSums(shape: Int, way: (start: String, transposed: Bool)) {
        let (start, transposed) = way
        let (rows, inner, columns) = Self.shapes[shape]
        let (factorRow, resultRow) = (inner + 3, columns + 5)
        let factors = numbers(rows * factorRow, 1)
        let weights = numbers(inner * columns, 2)
        let bias = numbers(columns, 3)
        let held = numbers(rows * resultRow, 4)
        var result = held
        var memory = [Float](repeating: .nan, count: PackedWeights.size(inner: inner, columns: columns))
        withPointers(&memory, &result) { memory, result in
            let packed = PackedWeights(
                weights, inner: inner, columns: columns, transposed: transposed, in: memory)
            bias.withUnsafeBufferPointer { bias in
                guard let bias = bias.baseAddress else { return }
                packed.multiply(
                    factors, row: factorRow, into: result, row: resultRow, rows: rows,
                    startingWith: start == "held" ? .held : start == "zero" ? .zero : .row(bias))
            }
        }
        for row in 0..<rows {
            for column in 0..<resultRow {
                let place = row * resultRow + column
                // What lies between two rows stays.
                guard column < columns else {
                    #expect(result[place] == held[place])
                    continue
                }
                var sum =
                    start == "held" ? Double(held[place]) : start == "zero" ? 0 : Double(bias[column])
                for l in 0..<inner {
                    let weight = weights[transposed ? column * inner + l : l * columns + column]
                    sum += Double(factors[row * factorRow + l]) * Double(weight)
                }
                #expect(abs(Double(result[place]) - sum) < 1e-5, "row \(row), column \(column)")
            }
        }
    }

    /// The state and the cell after one position, by the papers' formulas. `squashed` are the gates' arguments in the
    /// kernels' order.
    static func naive(
        _ cell: RecurrentCell, _ squashed: [Double], state: Double, cellState: Double
    ) -> (state: Double, cell: Double) {
        func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
        switch cell {
        case .tanh: return (tanh(squashed[0]), 0)
        case .gru:
            let (reset, update) = (sigmoid(squashed[0]), sigmoid(squashed[1]))
            let candidate = tanh(squashed[3] + reset * squashed[2])
            return ((1 - update) * candidate + update * state, 0)
        case .lstm:
            let next =
                sigmoid(squashed[1]) * cellState + sigmoid(squashed[0]) * tanh(squashed[2])
            return (sigmoid(squashed[3]) * tanh(next), next)
        }
    }

    static let cells: [(cell: RecurrentCell, gates: Int)] = [(.tanh, 1), (.gru, 4), (.lstm, 4)]

    @Test(arguments: cells.indices, [(1, false), (16, true), (37, false), (37, true)])
    func aCellIsItsFormulaAndItsGradient(index: Int, place: (units: Int, isFirst: Bool)) {
        let (units, isFirst) = place
        let (cell, gates) = Self.cells[index]
        let bench = CellBench(cell, gates: gates, units: units, isFirst: isFirst)
        let before = bench.memory
        bench.step.forward(cell)
        let ahead = bench.memory
        let (stateDeltas, cellDeltas) = (bench.stateDelta, bench.cellDelta)
        bench.step.backward(cell)
        for row in 0..<CellBench.rows {
            for unit in 0..<units {
                func argument(_ memory: [Float], _ gate: Int) -> Double {
                    Double(memory[bench.place(row, bench.gates + gate * units + unit)])
                }
                let arguments = (0..<gates).map { argument(before, $0) }
                let state = Double(before[bench.place(row, bench.previous + unit)])
                let cellState = isFirst ? 0 : Double(before[bench.place(row, bench.cellBefore + unit)])
                let isOver = bench.hasEnded(row)
                let wanted =
                    isOver
                    ? (0, 0) : Self.naive(cell, arguments, state: state, cellState: cellState)
                for place in [bench.output, bench.following] {
                    #expect(abs(Double(ahead[bench.place(row, place + unit)]) - wanted.0) < 2e-6)
                }
                if cell == .lstm {
                    #expect(abs(Double(ahead[bench.place(row, bench.cell + unit)]) - wanted.1) < 2e-6)
                }
                // What the state's and the cell's deltas make of a small change.
                let ofState = Double(stateDeltas[row * units + unit]) + bench.outputDelta(row, unit)
                let ofCell = Double(cellDeltas[row * units + unit])
                func slope(_ change: (Double) -> (state: Double, cell: Double)) -> Double {
                    let (up, down) = (change(1e-5), change(-1e-5))
                    let sum = ofState * (up.state - down.state) + ofCell * (up.cell - down.cell)
                    return isOver ? 0 : sum / 2e-5
                }
                for gate in 0..<gates {
                    let numeric = slope { change in
                        var moved = arguments
                        moved[gate] += change
                        return Self.naive(cell, moved, state: state, cellState: cellState)
                    }
                    #expect(abs(argument(bench.memory, gate) - numeric) < 1e-5, "gate \(gate)")
                }
                let direct = slope {
                    Self.naive(cell, arguments, state: state + $0, cellState: cellState)
                }
                let ofBefore = slope {
                    Self.naive(cell, arguments, state: state, cellState: cellState + $0)
                }
                if cell == .gru || isOver {
                    #expect(abs(Double(bench.stateDelta[row * units + unit]) - direct) < 1e-5)
                }
                if cell == .lstm {
                    #expect(abs(Double(bench.cellDelta[row * units + unit]) - ofBefore) < 1e-5)
                }
            }
        }
    }

    @Test(arguments: [(1, 1), (5, 7), (3, 300), (40, 256)], [0, 1] as [Float])
    func rowsApartAreSummedAndScaled(shape: (rows: Int, columns: Int), keep: Float) {
        let (rows, columns) = shape
        let row = columns + 9
        let x = numbers(rows * row, 1)
        var sums = [Float](repeating: keep == 0 ? .nan : 2, count: columns)
        var scaled = x
        withPointers(&sums, &scaled) { sums, scaled in
            Kernels.sumRows(into: sums, x, row: row, rows: rows, columns: columns, scale: -3, keep: keep)
            Kernels.scaleRows(scaled, row: row, by: 0.5, rows: rows, columns: columns)
        }
        for column in 0..<columns {
            let sum = (0..<rows).reduce(0.0) { $0 + Double(x[$1 * row + column]) }
            #expect(abs(Double(sums[column]) - (Double(2 * keep) - 3 * sum)) < 1e-4)
        }
        for place in x.indices {
            #expect(scaled[place] == (place % row < columns ? 0.5 : 1) * x[place])
        }
    }

    @Test(arguments: [1, 15, 64, 1000]) func productsAreSummedInDoubles(count: Int) {
        let (x, y) = (numbers(count, 1), numbers(count, 2))
        let wanted = zip(x, y).reduce(0.0) { $0 + Double($1.0 + 0.5) * Double($1.1) }
        #expect(abs(Kernels.sumOfProducts(x, offset: 0.5, y, count: count) - wanted) < 1e-9)
        #expect(Kernels.sumOfProducts([.nan], offset: 0, [1], count: 1).isNaN)
    }

    /// Values between -1 and 1.
    private func numbers(_ count: Int, _ seed: UInt64) -> [Float] {
        var random = SeededGenerator(seed: seed, purpose: .test, client: count)
        return (0..<count).map { _ in 2 * random.uniform() - 1 }
    }

    private func withPointers(
        _ first: inout [Float], _ second: inout [Float],
        _ body: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) -> Void
    ) {
        first.withUnsafeMutableBufferPointer { first in
            second.withUnsafeMutableBufferPointer { second in
                if let first = first.baseAddress, let second = second.baseAddress { body(first, second) }
            }
        }
    }
}

/// Records of three examples, of which the second has ended, with random numbers everywhere.
private final class CellBench {
    static let rows = 3

    let step: RecurrentStep
    let gates = 0
    let previous: Int
    let cellBefore: Int
    let cell: Int
    let following: Int
    let output: Int
    private let units: Int
    private let record: Int
    private let records: UnsafeMutableBufferPointer<Float>
    private let deltas: UnsafeMutableBufferPointer<Float>
    private let lengths: UnsafeMutableBufferPointer<Int32>

    init(_ cell: RecurrentCell, gates count: Int, units: Int, isFirst: Bool) {
        self.units = units
        previous = count * units
        (cellBefore, self.cell) = (previous + units, previous + 2 * units)
        (following, output) = (previous + 3 * units, previous + 4 * units)
        record = previous + 5 * units + 7
        records = .allocate(capacity: Self.rows * record)
        // The state's, the cell's, and the output's with the output's rows.
        deltas = .allocate(capacity: Self.rows * (2 * units + record))
        lengths = .allocate(capacity: Self.rows)
        var random = SeededGenerator(seed: 8, purpose: .test, client: units)
        for index in records.indices { records[index] = 4 * random.uniform() - 2 }
        for index in deltas.indices { deltas[index] = 2 * random.uniform() - 1 }
        for (index, length) in [9, 3, 4].enumerated() { lengths[index] = Int32(length) }
        guard let base = records.baseAddress, let delta = deltas.baseAddress else { preconditionFailure() }
        var step = RecurrentStep(
            rows: Self.rows, units: units, record: record, gates: base, previous: base + previous,
            output: base + output, outputRow: record, position: 3)
        step.following = base + following
        if cell == .lstm {
            step.cell = base + self.cell
            if !isFirst { step.cellBefore = base + cellBefore }
            step.cellDelta = delta + Self.rows * units
        }
        step.stateDelta = delta
        step.outputDelta = UnsafePointer(delta + 2 * Self.rows * units)
        step.lengths = UnsafePointer(lengths.baseAddress)
        self.step = step
    }

    deinit {
        records.deallocate()
        deltas.deallocate()
        lengths.deallocate()
    }

    var memory: [Float] { Array(records) }
    var stateDelta: [Float] { Array(deltas[0..<(Self.rows * units)]) }
    /// Zero where the cell has none of its own.
    var cellDelta: [Float] {
        step.cellDelta == nil
            ? [Float](repeating: 0, count: Self.rows * units)
            : Array(deltas[(Self.rows * units)..<(2 * Self.rows * units)])
    }

    func outputDelta(_ row: Int, _ unit: Int) -> Double {
        Double(deltas[2 * Self.rows * units + row * record + unit])
    }
    func place(_ row: Int, _ offset: Int) -> Int { row * record + offset }
    func hasEnded(_ row: Int) -> Bool { lengths[row] <= 3 }
}
