internal import Compute

/// A few columns of a block of updates, each sorted on its own. Its buffers are allocated once.
final class OrderedColumns {
    /// What of the order of a column matters.
    enum Order: Equatable {
        case nothing
        /// Which values are in these places, below them and above them.
        case sides(Range<Int>)
        case everything
    }

    private let rows: [UInt32]
    private let network: [UInt32]
    private let keys: UnsafeMutablePointer<Int32>
    /// Whether something in the columns is not a number.
    private var isMissing = false
    private var width: Int { OrderKernels.orderWidth }

    /// Columns of these rows of a block, sorted by a network for so many.
    init(rows: [Int], network: [UInt32]) {
        self.rows = rows.map { UInt32($0) }
        self.network = network
        let count = max(1, rows.count) * OrderKernels.orderWidth
        keys = UnsafeMutableRawPointer.allocate(byteCount: 4 * count, alignment: 64)
            .bindMemory(to: Int32.self, capacity: count)
        keys.initialize(repeating: 0, count: count)
    }

    /// The network that brings as much order as wanted into columns of so many rows.
    static func network(rows: Int, order: Order) -> [UInt32] {
        switch order {
        case .nothing: []
        case .sides(let kept): SortingNetwork.pairs(count: rows, kept: kept)
        case .everything: SortingNetwork.pairs(count: rows)
        }
    }

    deinit { keys.deallocate() }

    /// Takes the columns from `block` on, whose rows begin `row` floats apart, and sorts them. What is not a number comes last.
    func take(_ block: UnsafePointer<Float>, row: Int) {
        isMissing = rows.withUnsafeBufferPointer {
            OrderKernels.orderGroups(into: keys, block, row: row, rows: $0)
        }
        network.withUnsafeBufferPointer { OrderKernels.orderColumns(keys, network: $0) }
    }

    /// The mean of each column over these places in its order.
    func mean(of places: Range<Int>, into means: UnsafeMutablePointer<Double>) {
        OrderKernels.meanOfKeys(
            into: means, keys + places.lowerBound * width, rows: places.count, mayMiss: isMissing)
    }

    /// The mean, in each column, of so many values that are nearest its median; of two equally near the lesser.
    func meanNearestMedian(of wanted: Int, into means: UnsafeMutablePointer<Double>) {
        OrderKernels.meanNearestMedian(into: means, keys, rows: rows.count, of: wanted, mayMiss: isMissing)
    }
}
