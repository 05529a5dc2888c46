internal import Federation

/// The optimiser state of one window of a model on its way into a file.
final class StateWindow {
    private let values: UnsafeMutableBufferPointer<Float>
    /// The same values as the file keeps them; empty where it keeps them as they lie.
    private let rows: UnsafeMutableBufferPointer<Float>
    /// All of it.
    let whole: OptimizerStatePiece

    /// Zeros for so many values a parameter and so many parameters.
    init(width: Int, count: Int) {
        values = .allocate(capacity: width * count)
        values.initialize(repeating: 0)
        rows = .allocate(capacity: width > 1 ? width * count : 0)
        rows.initialize(repeating: 0)
        whole = OptimizerStatePiece(values, width: width, count: count)
    }

    deinit {
        values.deallocate()
        rows.deallocate()
    }

    /// The bytes of a piece of the window in the file, valid until the next call.
    func rows(of piece: OptimizerStatePiece) -> UnsafeRawBufferPointer {
        switch piece.width {
        case 0: return UnsafeRawBufferPointer(start: nil, count: 0)
        case 1: return UnsafeRawBufferPointer(piece[0])
        default:
            let part = UnsafeMutableBufferPointer(rebasing: rows[..<(piece.width * piece.count)])
            piece.store(into: part)
            return UnsafeRawBufferPointer(part)
        }
    }
}
