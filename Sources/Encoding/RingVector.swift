/// A vector of integers modulo 2^bits: what agents upload, what the server sums, what masks hide.
///
/// Addition wraps and ignores order, so sums reproduce bit for bit whatever the order of arrival, and a masked
/// sum equals the unmasked one. Rings of 12 to 32 bits keep one 32-bit word a coordinate, the ring of 64 bits
/// (unclipped plain averaging) one 64-bit word.
package struct RingVector: Equatable, Sendable {
    /// The words, each in `0..<2^bits`.
    package enum Storage: Equatable, Sendable {
        case narrow([UInt32])
        case wide([UInt64])
    }

    /// Logarithm of the modulus: 8 to 32, or 64.
    package let bits: Int
    package private(set) var storage: Storage

    /// Widths of rings that the system knows.
    package static func isValid(bits: Int) -> Bool { (8...32).contains(bits) || bits == 64 }

    /// Zeros.
    package init(zeros count: Int, bits: Int) {
        precondition(Self.isValid(bits: bits), "no ring of \(bits) bits")
        self.bits = bits
        storage =
            bits == 64
            ? .wide([UInt64](repeating: 0, count: count)) : .narrow([UInt32](repeating: 0, count: count))
    }

    /// A vector of the narrow ring over `words`, each reduced modulo 2^bits.
    package init(narrow words: [UInt32], bits: Int) {
        precondition((8...32).contains(bits), "no narrow ring of \(bits) bits")
        self.bits = bits
        storage = .narrow(words)
        reduce()
    }

    /// A vector of the ring of 64 bits.
    package init(wide words: [UInt64]) {
        bits = 64
        storage = .wide(words)
    }

    /// Number of coordinates.
    package var count: Int {
        switch storage {
        case .narrow(let words): words.count
        case .wide(let words): words.count
        }
    }

    /// Adds another vector of the same ring and length.
    package mutating func add(_ other: RingVector) {
        precondition(bits == other.bits && count == other.count, "vectors of different rings")
        switch (storage, other.storage) {
        case (.narrow(var sum), .narrow(let terms)):
            storage = .narrow([])  // Hands the buffer over, so that the loop below does not copy it.
            Self.addWrapping(&sum, terms)
            storage = .narrow(sum)
            reduce()
        case (.wide(var sum), .wide(let terms)):
            storage = .wide([])
            for index in sum.indices { sum[index] &+= terms[index] }
            storage = .wide(sum)
        default: preconditionFailure("storage follows bits")
        }
    }

    /// Adds whole numbers of either sign, reduced modulo 2^bits, to the coordinates from `start` on.
    package mutating func add(integers: UnsafeBufferPointer<Int64>, at start: Int = 0) {
        precondition(start >= 0 && start + integers.count <= count, "no such coordinates")
        switch storage {
        case .narrow(var sum):
            storage = .narrow([])
            let mask = UInt32.max >> UInt32(32 - bits)
            sum.withUnsafeMutableBufferPointer { sum in
                for index in integers.indices {
                    let word = sum[start &+ index] &+ UInt32(truncatingIfNeeded: integers[index])
                    sum[start &+ index] = word & mask
                }
            }
            storage = .narrow(sum)
        case .wide(var sum):
            storage = .wide([])
            for index in integers.indices { sum[start + index] &+= UInt64(bitPattern: integers[index]) }
            storage = .wide(sum)
        }
    }

    /// Adds whole numbers of either sign, reduced modulo 2^bits.
    package mutating func add(integers: UnsafeBufferPointer<Int32>) {
        precondition(integers.count == count, "vectors of different lengths")
        switch storage {
        case .narrow(var sum):
            storage = .narrow([])
            for index in sum.indices { sum[index] &+= UInt32(bitPattern: integers[index]) }
            storage = .narrow(sum)
            reduce()
        case .wide(var sum):
            storage = .wide([])
            for index in sum.indices { sum[index] &+= UInt64(bitPattern: Int64(integers[index])) }
            storage = .wide(sum)
        }
    }

    /// The representatives nearest zero, in [-2^(bits-1), 2^(bits-1)).
    package func centred() -> [Int64] {
        switch storage {
        case .narrow(let words):
            let shift = UInt32(32 - bits)
            return words.map { Int64(Int32(bitPattern: $0 << shift) >> Int32(shift)) }
        case .wide(let words):
            return words.map { Int64(bitPattern: $0) }
        }
    }

    /// The representative nearest zero of one coordinate.
    package func centred(at index: Int) -> Int64 {
        switch storage {
        case .narrow(let words):
            let shift = UInt32(32 - bits)
            return Int64(Int32(bitPattern: words[index] << shift) >> Int32(shift))
        case .wide(let words): return Int64(bitPattern: words[index])
        }
    }

    /// Sets every coordinate to zero, keeping the buffer.
    package mutating func clear() {
        switch storage {
        case .narrow(var words):
            storage = .narrow([])
            words.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
            storage = .narrow(words)
        case .wide(var words):
            storage = .wide([])
            words.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
            storage = .wide(words)
        }
    }

    /// Opens the words of a narrow ring for work in place, such as masking; they are reduced afterwards.
    package mutating func withNarrowWords<Result>(
        _ body: (UnsafeMutableBufferPointer<UInt32>) throws -> Result
    ) rethrows -> Result {
        guard case .narrow(var words) = storage else {
            preconditionFailure("the ring of 64 bits is not narrow")
        }
        storage = .narrow([])
        defer {
            storage = .narrow(words)
            reduce()
        }
        return try words.withUnsafeMutableBufferPointer { try body($0) }
    }

    /// Opens the words of the ring of 64 bits for work in place.
    package mutating func withWideWords<Result>(
        _ body: (UnsafeMutableBufferPointer<UInt64>) throws -> Result
    ) rethrows -> Result {
        guard case .wide(var words) = storage else { preconditionFailure("a narrow ring has no wide words") }
        storage = .wide([])
        defer { storage = .wide(words) }
        return try words.withUnsafeMutableBufferPointer { try body($0) }
    }

    private mutating func reduce() {
        guard bits < 32, case .narrow(var words) = storage else { return }
        storage = .narrow([])
        let mask = (UInt32(1) << UInt32(bits)) - 1
        for index in words.indices { words[index] &= mask }
        storage = .narrow(words)
    }

    private static func addWrapping(_ sum: inout [UInt32], _ terms: [UInt32]) {
        for index in sum.indices { sum[index] &+= terms[index] }
    }
}
