internal import CKernels

// Between floating-point updates and the integers of a report.
extension Kernels {
    /// sum += round(factor × x), ties to even, wrapping; every |factor × x| must be below 2^63.
    package static func addRounded(
        to sum: UnsafeMutableBufferPointer<UInt64>, _ x: UnsafeBufferPointer<Float>, factor: Double
    ) {
        precondition(sum.count == x.count, "buffers of different lengths")
        guard let sum = sum.baseAddress, let values = x.baseAddress else { return }
        sordino_add_rounded(sum, values, factor, x.count)
    }

    /// output = factor × x, rounded to the nearest integer, or where there are `coins` up or down at random without
    /// bias but for 2^-32; every |factor × x| must be below 2^31 − 1.
    ///
    /// Returns Σ output², exact, or nil where it exceeds 64 bits.
    package static func round(
        into output: UnsafeMutableBufferPointer<Int32>, _ x: UnsafeBufferPointer<Float>, factor: Double,
        coins: UnsafeBufferPointer<UInt32>?
    ) -> UInt64? {
        precondition(output.count == x.count, "buffers of different lengths")
        guard let output = output.baseAddress, let values = x.baseAddress else { return 0 }
        let squares: sordino_squares
        if let coins {
            precondition(coins.count == x.count, "a coin for each value")
            guard let coins = coins.baseAddress else { return 0 }
            squares = sordino_round_randomly(output, values, factor, coins, x.count)
        } else {
            squares = sordino_round_to_nearest(output, values, factor, x.count)
        }
        return total(squares)
    }

    /// sum += factor × x, each rounded to the nearest integer, wrapping; every |factor × x| must be below 2^31 − 1.
    ///
    /// Returns an upper bound of Σ of the squares of what was added, above it by 2^-51 of it a coordinate at most: a
    /// sum in floating point takes half the time of an exact one.
    package static func addNearest(
        to sum: UnsafeMutableBufferPointer<UInt32>, _ x: UnsafeBufferPointer<Float>, factor: Double
    ) -> Double {
        precondition(sum.count == x.count, "buffers of different lengths")
        guard let sum = sum.baseAddress, let values = x.baseAddress else { return 0 }
        return sordino_add_nearest(sum, values, factor, x.count) * (1 + Double(x.count) * 0x1p-52)
    }

    private static func total(_ squares: sordino_squares) -> UInt64? {
        let upper = squares.high + squares.low >> 31
        guard upper >> 33 == 0 else { return nil }
        return upper << 31 | squares.low & 0x7FFF_FFFF
    }

    /// sum = (round(sum × scale) + noise) / scale, ties away from zero; `scale` must be a power of two. A value
    /// that is not finite or leaves 53 bits becomes not a number.
    package static func addNoise(
        to sum: UnsafeMutableBufferPointer<Float>, _ noise: UnsafeBufferPointer<Int64>, scale: Double
    ) {
        precondition(sum.count == noise.count, "buffers of different lengths")
        guard let values = sum.baseAddress, let noise = noise.baseAddress else { return }
        sordino_add_noise_on_grid(values, noise, scale, sum.count)
    }

    /// words += lanes, or -= with `isNegative`, wrapping. Lanes have 16 + `highBits` bits, 0, 1, 2, 3, 4, 8 or 16 more than 16,
    /// in whole blocks of ``laneBlock`` laid out as `sordino_add_lanes` says.
    package static func addLanes(
        to words: UnsafeMutableBufferPointer<UInt32>, _ lanes: UnsafeRawBufferPointer, highBits: Int,
        isNegative: Bool
    ) {
        let blocks = (words.count + laneBlock - 1) / laneBlock
        precondition([0, 1, 2, 3, 4, 8, 16].contains(highBits), "no lanes of that width")
        precondition(lanes.count >= blocks * laneBlock / 8 * (16 + highBits), "too few lanes")
        guard let target = words.baseAddress, let bytes = lanes.baseAddress else { return }
        sordino_add_lanes(
            target, bytes.assumingMemoryBound(to: UInt8.self), UInt32(highBits), isNegative ? .max : 0,
            words.count)
    }

    /// Words of a block of lanes.
    package static var laneBlock: Int { Int(sordino_lane_block) }

    /// sum += x, wrapping.
    package static func add(to sum: UnsafeMutableBufferPointer<UInt32>, _ x: UnsafeBufferPointer<Int32>) {
        precondition(sum.count == x.count, "buffers of different lengths")
        guard let sum = sum.baseAddress, let values = x.baseAddress else { return }
        sordino_add_integers(sum, values, x.count)
    }
}
