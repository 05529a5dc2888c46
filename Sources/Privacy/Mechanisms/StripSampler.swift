internal import CKernels
internal import Glibc

/// Draws from a `StripTable` by rejection, exactly.
///
/// A draw chooses a strip by its weight (alias table), a cell in it uniformly, and accepts the cell with
/// probability `scale` × density / weight. Most draws are accepted at once, because a uniform number begins
/// with bits that lie below the acceptance probability of the whole strip. The others evaluate the density
/// in `Double` with its error bound, and the undecided ones (about one in 2^40 of them) are decided by
/// `WideFraction` arithmetic with more digits of the same uniform number, until the comparison is certain.
/// So the probabilities are exactly those of the density: no rounding enters them. Draws that are accepted at once are
/// made by a kernel, several side by side where the processor can; the words alone decide what they are.
///
/// A draw is a function of a stream of words and nothing else. Where the words at hand run out the draw is
/// begun again with the same words and more after them, which changes nothing.
struct StripSampler: Sendable {
    let table: StripTable
    /// Added to the relative error bound of the density; tests raise it to send draws to the arbiter.
    private let doubt: Double

    init(density: any StripDensity, support: StripSupport, doubt: Double = 0) {
        table = StripTable(density: density, support: support)
        self.doubt = doubt
    }

    /// Fills `noise` from the source. If the source throws, `noise` is zeroed and the error goes on to the caller.
    func fill(_ noise: UnsafeMutableBufferPointer<Int64>, from source: inout some NoiseSource) throws {
        var stock = WordStock()
        defer { stock.erase() }
        do {
            try fill(noise, of: noise.count, &stock, from: &source)
        } catch {
            noise.update(repeating: 0)
            throw error
        }
    }

    /// Makes `count` draws, the same as `fill` would, and hands them over in pieces that fit the first-level cache,
    /// with the number of the first. Pieces before an error of the source have been taken.
    func draw(
        count: Int, from source: inout some NoiseSource,
        inPieces take: (_ start: Int, _ piece: UnsafeBufferPointer<Int64>) -> Void
    ) throws {
        var stock = WordStock()
        let piece = UnsafeMutableBufferPointer<Int64>.allocate(capacity: min(count, WordStock.capacity))
        piece.initialize(repeating: 0)
        defer {
            stock.erase()
            // The noise hides the data only while nobody knows it.
            if let start = piece.baseAddress { explicit_bzero(start, 8 * piece.count) }
            piece.deallocate()
        }
        var start = 0
        while start < count {
            let part = UnsafeMutableBufferPointer(rebasing: piece[..<min(piece.count, count - start)])
            try fill(part, of: count - start, &stock, from: &source)
            take(start, UnsafeBufferPointer(part))
            start += part.count
        }
    }

    /// Fills `noise`, the next of `remaining` draws, from the stock and, where that runs out, from the source.
    private func fill(
        _ noise: UnsafeMutableBufferPointer<Int64>, of remaining: Int, _ stock: inout WordStock,
        from source: inout some NoiseSource
    ) throws {
        let wordsPerDraw = table.isWide ? 2 : 1
        var produced = 0
        while true {
            stock.used += draw(stock.unused, into: noise, produced: &produced)
            guard produced < noise.count else { return }
            try stock.refill((remaining - produced) * wordsPerDraw + 16, from: &source)
        }
    }

    /// Draws until `noise` is full or the words do not suffice for another draw; returns the words used up.
    private func draw(
        _ words: UnsafeBufferPointer<UInt64>, into noise: UnsafeMutableBufferPointer<Int64>,
        produced: inout Int
    ) -> Int {
        let wordsPerDraw = table.isWide ? 2 : 1
        guard let start = words.baseAddress, let place = noise.baseAddress else { return 0 }
        var cursor = 0
        var written = produced
        table.columns.withUnsafeBufferPointer { columns in
            var strips = sordino_strips(
                columns: columns.baseAddress, cell_bits: UInt32(table.cellBits),
                fraction_bits: UInt32(table.fractionBits), half: half)
            while written < noise.count {
                let count = min(noise.count - written, (words.count - cursor) / wordsPerDraw)
                guard count > 0 else { return }
                let made = sordino_draw_strips(place + written, start + cursor, count, &strips)
                written += made
                cursor += made * wordsPerDraw
                guard made < count else { continue }
                var reader = WordReader(words: words, cursor: cursor + wordsPerDraw)
                switch resolve(attempt(start + cursor), &reader) {
                case .starved: return
                case .rejected: cursor = reader.cursor
                case .accepted(let cell):
                    let magnitude = Int64(bitPattern: (cell &+ half) &>> UInt64(table.fractionBits))
                    noise[written] = start[cursor] &>> 29 & 1 == 0 ? magnitude : 0 &- magnitude
                    written += 1
                    cursor = reader.cursor
                }
            }
        }
        produced = written
        return cursor
    }

    /// Half a unit in cells, where cells are rounded to integers.
    private var half: UInt64 {
        table.support == .roundedReals ? UInt64(1) << UInt64(table.fractionBits - 1) : 0
    }
}

/// Words of a source, a chunk at a time.
private struct WordStock {
    /// Words of a chunk: 16 KiB, so that words and noise stay in the first-level cache together.
    static let capacity = 2048

    private let words: UnsafeMutableBufferPointer<UInt64>
    private var end = 0
    /// Words of the chunk that draws have used up.
    var used = 0

    init() {
        words = .allocate(capacity: Self.capacity)
        words.initialize(repeating: 0)
    }

    var unused: UnsafeBufferPointer<UInt64> { UnsafeBufferPointer(rebasing: words[used..<end]) }

    /// Adds up to `wanted` words, as far as the chunk holds them.
    mutating func refill(_ wanted: Int, from source: inout some NoiseSource) throws {
        let left = end - used
        for index in 0..<left { words[index] = words[used + index] }
        let full = min(Self.capacity, left + wanted)
        precondition(left < full, "a draw never takes a whole chunk of words")
        try source.fill(
            UnsafeMutableRawBufferPointer(
                rebasing: UnsafeMutableRawBufferPointer(words)[(left * 8)..<(full * 8)]))
        (used, end) = (0, full)
    }

    /// Whoever reads the words knows the noise. The stock is of no use afterwards.
    mutating func erase() {
        if let start = words.baseAddress { explicit_bzero(start, 8 * Self.capacity) }
        words.deallocate()
    }
}

// MARK: - The draws that are not accepted at once

extension StripSampler {
    /// A strip and cell chosen, with the bits that the uniform number of the acceptance test begins with.
    private struct Attempt {
        let strip: Int
        let cell: UInt64
        let acceptance: UInt64
    }

    /// What the first words of a draw choose; the kernel reads them in the same way.
    private func attempt(_ words: UnsafePointer<UInt64>) -> Attempt {
        let column = words[0] &>> 54
        let entry = table.aliases[Int(column)]
        let unit = (words[0] &>> 30) & 0xFF_FFFF
        let strip = unit < entry & 0xFFFF_FFFF ? column : entry &>> 32
        let spare = words[0] & ((1 << UInt64(StripTable.spareBits)) - 1)
        let cellBits = UInt64(table.cellBits)
        let offset =
            table.isWide ? words[1] &>> (64 &- cellBits) : spare & ((1 &<< cellBits) &- 1)
        return Attempt(
            strip: Int(strip), cell: (strip &<< cellBits) &+ offset,
            acceptance: table.isWide ? spare : spare &>> cellBits)
    }

    private enum Resolution {
        case accepted(UInt64)
        case rejected
        case starved
    }

    /// The words of a draw beyond its first.
    private struct WordReader {
        let words: UnsafeBufferPointer<UInt64>
        var cursor: Int

        mutating func next() -> UInt64? {
            guard cursor < words.count else { return nil }
            defer { cursor += 1 }
            return words[cursor]
        }
    }

    /// Accept iff uniform × `weight` < scale × density(position) × 2^`shift`.
    private struct Comparison {
        var cell: UInt64
        var weight: UInt64
        var shift: Int
        /// The first 64 binary digits of the uniform number and of the position within its cell.
        var uniform: UInt64
        var fraction: UInt64 = 0
    }

    /// Decides an attempt, reading the words it needs.
    private func resolve(_ attempt: Attempt, _ reader: inout WordReader) -> Resolution {
        var comparison: Comparison
        if attempt.strip == table.tail {
            // Tail strip number t with probability 2^-(t+1): the zeros before the first one.
            var level = 0
            var zeros: Int
            repeat {
                guard let word = reader.next() else { return .starved }
                zeros = word.leadingZeroBitCount
                level += zeros
            } while zeros == 64
            guard let place = reader.next(), let uniform = reader.next() else { return .starved }
            let offset = table.tailCellBits == 0 ? 0 : place >> UInt64(64 - table.tailCellBits)
            comparison = Comparison(
                cell: UInt64(table.tail) << UInt64(table.cellBits) + UInt64(level)
                    << UInt64(table.tailCellBits)
                    + offset,
                weight: table.weights[table.tail],
                shift: table.tailCellBits - table.cellBits + level + 1, uniform: uniform)
        } else {
            guard let word = reader.next() else { return .starved }
            let bits = UInt64(table.acceptanceBits)
            comparison = Comparison(
                cell: attempt.cell, weight: table.weights[attempt.strip], shift: 0,
                uniform: attempt.acceptance << (64 - bits) | word >> bits)
        }
        if table.support == .roundedReals {
            guard let word = reader.next() else { return .starved }
            comparison.fraction = word
        } else if comparison.cell == 0 {
            // Zero has both signs, so each counts half.
            comparison.shift -= 1
        }
        guard let accepted = approximateDecision(comparison) ?? exactDecision(comparison, &reader) else {
            return .starved
        }
        return accepted ? .accepted(comparison.cell) : .rejected
    }

    /// The comparison in `Double`; nil when the error bounds leave it open.
    private func approximateDecision(_ comparison: Comparison) -> Bool? {
        let within = Double(comparison.fraction) * 0x1p-64
        let y = (Double(comparison.cell) + within) * table.cellWidth
        let exponent = table.density.exponent(at: y) - Double(comparison.shift) * 0x1.62e42fefa39efp-1
        let probability = Double(table.scale) / Double(comparison.weight) * exp(-exponent)
        let margin = 0x1p-45 + table.density.exponentError(at: y) + doubt
        let uniform = Double(comparison.uniform) * 0x1p-64
        if uniform * (1 + 0x1p-50) + 0x1p-63 < probability * (1 - margin) { return true }
        if uniform * (1 - 0x1p-50) > probability * (1 + margin) { return false }
        return nil
    }

    /// The comparison with ever more digits, until it is certain; nil when the words run out.
    private func exactDecision(_ comparison: Comparison, _ reader: inout WordReader) -> Bool? {
        var uniform = [comparison.uniform]
        var fraction = table.support == .roundedReals ? [comparison.fraction] : []
        for limbs in 2... {
            guard let uniformWord = reader.next() else { return nil }
            uniform.append(uniformWord)
            if table.support == .roundedReals {
                guard let word = reader.next() else { return nil }
                fraction.append(word)
            }
            // The position has `fractionBits` more digits than limbs hold behind the cell's point; what is
            // cut off moves the density by less than its stated error.
            let position = WideFraction(
                integer: comparison.cell, fraction: fraction, fractionLimbs: limbs + 1
            ).scaled(byPowerOfTwo: -table.fractionBits)
            var density = table.density.value(at: position).resized(fractionLimbs: limbs)
            density.multiply(by: table.scale)
            var threshold = WideFraction(integer: 0, fraction: uniform, fractionLimbs: limbs)
            threshold.multiply(by: comparison.weight)
            // Scale and weight are at most 2^34, so both sides together are off by less than 2^(36+shift)
            // units of the last limb but one.
            let errorPower = 36 + max(0, comparison.shift) - 64 * (limbs - 1)
            guard errorPower <= 0 else { continue }
            if comparison.shift < 0 {
                threshold.multiply(by: 2)
            } else {
                density = density.scaled(byPowerOfTwo: comparison.shift)
            }
            let slack = WideFraction(integer: 1, fractionLimbs: limbs).scaled(byPowerOfTwo: errorPower)
            if threshold + slack < density { return true }
            if density + slack < threshold { return false }
        }
        return nil
    }
}
