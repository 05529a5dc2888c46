internal import CKernels

/// Order statistics of columns, and sums of rows in double: what robust rules do with single updates.
package enum OrderKernels {
    /// Columns that are sorted at once: a block of keys has so many in each row.
    package static let orderWidth = Int(sordino_order_width)

    /// output = factor × x rounded to the nearest integer, ties to even; not a number where that is not finite.
    package static func onGrid(
        into output: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, factor: Float, count: Int
    ) {
        sordino_on_grid(output, x, factor, count)
    }

    /// Asks the caches for bytes that will be read soon.
    package static func prefetch(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        var first: Int32 = 0
        sordino_prefetch(start, &first, 1, bytes.count)
    }

    /// Rows of keys that ``orderGroups(into:_:row:rows:)`` leaves in order.
    package static let orderGroup = 8

    /// The named rows of ``orderWidth`` floats, which begin `row` floats apart, as dense rows of integer keys in the order of
    /// their values; not-a-number is the greatest. Every ``orderGroup`` rows are sorted on their own, column by column. `keys`
    /// must be aligned to 64 bytes. Returns whether any value is not a number.
    package static func orderGroups(
        into keys: UnsafeMutablePointer<Int32>, _ x: UnsafePointer<Float>, row: Int,
        rows: UnsafeBufferPointer<UInt32>
    ) -> Bool {
        guard let names = rows.baseAddress else { return false }
        return sordino_order_groups(keys, x, row, names, rows.count) != 0
    }

    /// Sorts every column of a block of keys by a network: pairs of rows, each of which gets the lesser keys into its
    /// first row and the greater into its second. `keys` must be aligned to 64 bytes. The caller answers for the rows that it
    /// names.
    package static func orderColumns(
        _ keys: UnsafeMutablePointer<Int32>, network: UnsafeBufferPointer<UInt32>
    ) {
        guard let pairs = network.baseAddress else { return }
        sordino_order_columns(keys, pairs, network.count / 2)
    }

    /// output = the mean of each of ``orderWidth`` columns over rows of keys; where something may be missing without what is
    /// not a number, and 0 where nothing is left.
    package static func meanOfKeys(
        into output: UnsafeMutablePointer<Double>, _ keys: UnsafePointer<Int32>, rows: Int, mayMiss: Bool
    ) {
        sordino_mean_of_keys(output, keys, rows, mayMiss ? 1 : 0)
    }

    /// output = the mean, in each of ``orderWidth`` columns of sorted rows of keys, of so many values that are nearest its
    /// median; of two equally near the lesser. At least one counts and at most all; where something may be missing what is
    /// not a number does not, and where nothing is left the mean is 0.
    package static func meanNearestMedian(
        into output: UnsafeMutablePointer<Double>, _ keys: UnsafePointer<Int32>, rows: Int, of wanted: Int,
        mayMiss: Bool
    ) {
        sordino_mean_near_median(output, keys, rows, max(0, wanted), mayMiss ? 1 : 0)
    }

    /// sum += factor × x, in double.
    package static func addScaled(
        to sum: UnsafeMutablePointer<Double>, _ x: UnsafePointer<Float>, factor: Double, count: Int
    ) {
        sordino_add_scaled_wide(sum, x, factor, count)
    }
}
