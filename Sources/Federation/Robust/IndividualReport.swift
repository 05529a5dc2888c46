internal import Compute
internal import Encoding

/// One client's report as it was sent, behind its header. Here and nowhere else single reports become numbers again.
///
/// Unchecked: the bytes are only read, and their owner only keeps them.
package struct IndividualReport: @unchecked Sendable {
    /// How the coordinates lie in the bytes, little-endian.
    package enum Form: Equatable, Sendable {
        /// IEEE 754 binary32, in model units.
        case floats
        /// Integers of a ring of 32 or 64 bits.
        case integers(bits: Int)
    }

    private let form: Form
    private let bytes: UnsafeRawBufferPointer
    /// Keeps the bytes.
    private let owner: AnyObject

    /// A report in memory that `owner` keeps as long as it lives. The bytes must be as many as the plan's report has.
    package init(_ bytes: UnsafeRawBufferPointer, as form: Form, keptBy owner: AnyObject) {
        (self.bytes, self.form, self.owner) = (bytes, form, owner)
    }

    /// Bytes of one coordinate.
    package static func stride(of form: Form) -> Int {
        if case .integers(let bits) = form { bits / 8 } else { MemoryLayout<Float>.size }
    }

    /// Coordinates that there are.
    var count: Int { bytes.count / Self.stride(of: form) }

    /// The report's numbers for reading in loops, as long as the report is there.
    var view: ReportView { ReportView(form: form, bytes: bytes) }

    /// Adds an unclipped update to a sum on the ring of 64 bits, `worth` times, from 0 to 1: floating-point numbers each
    /// times `factor` and that, rounded to the nearest integer; integers, in which `factor` is already, as they are or made
    /// shorter.
    func add(to sum: inout Aggregation, factor: Double, worth: Double, weight: Int) {
        withExtendedLifetime(owner) {
            guard form != .floats else {
                return sum.add(floats: bytes, factor: factor * worth, weight: weight)
            }
            precondition(form == .integers(bits: 64), "a report of another ring")
            let numbers = (0..<count).map { place -> Int64 in
                let word = bytes.loadUnaligned(fromByteOffset: 8 &* place, as: UInt64.self)
                let number = Int64(bitPattern: UInt64(littleEndian: word))
                return worth < 1 ? Int64((Double(number) * worth).rounded(.towardZero)) : number
            }
            var vector = RingVector(zeros: count, bits: 64)
            numbers.withUnsafeBufferPointer { vector.add(integers: $0) }
            sum.add(vector, weight: weight)
        }
    }

    /// Writes the integers of a ring of 32 bits, each as the representative nearest zero.
    func copyIntegers(into words: UnsafeMutableBufferPointer<Int32>) {
        precondition(
            form == .integers(bits: 32) && count >= words.count, "a report of another ring or length")
        withExtendedLifetime(owner) {
            for place in words.indices {
                let word = bytes.loadUnaligned(fromByteOffset: 4 &* place, as: UInt32.self)
                words[place] = Int32(bitPattern: UInt32(littleEndian: word))
            }
        }
    }
}

/// What a report holds without its owner: whoever reads it in a loop, on several threads at a time, counts no references.
///
/// Unchecked: the bytes are only read.
struct ReportView: @unchecked Sendable {
    fileprivate let form: IndividualReport.Form
    fileprivate let bytes: UnsafeRawBufferPointer

    /// Writes the coordinates of a window in grid units, `scale` of which are a model unit, each rounded to a whole number
    /// where it is not one; not a number where it is not finite.
    func copy(_ window: Range<Int>, scale: Double, into values: UnsafeMutablePointer<Float>) {
        let part = self.bytes(of: window)
        switch form {
        case .floats:
            // Headers may leave the numbers where no float may lie.
            let isAligned = Int(bitPattern: part.baseAddress) % MemoryLayout<Float>.alignment == 0
            var source = UnsafePointer(values)
            if isAligned, let place = part.baseAddress {
                source = place.assumingMemoryBound(to: Float.self)
            } else {
                UnsafeMutableRawBufferPointer(start: values, count: part.count).copyMemory(from: part)
            }
            OrderKernels.onGrid(into: values, source, factor: Float(scale), count: window.count)
        case .integers(bits: 32):
            for place in 0..<window.count {
                let word = part.loadUnaligned(fromByteOffset: 4 &* place, as: UInt32.self)
                values[place] = Float(Int32(bitPattern: UInt32(littleEndian: word)))
            }
        case .integers:
            for place in 0..<window.count {
                let word = part.loadUnaligned(fromByteOffset: 8 &* place, as: UInt64.self)
                values[place] = Float(Int64(bitPattern: UInt64(littleEndian: word)))
            }
        }
    }

    /// Asks the caches for a window that will be copied soon; one beyond the end is nothing.
    func prefetch(_ window: Range<Int>) {
        let count = bytes.count / IndividualReport.stride(of: form)
        OrderKernels.prefetch(bytes(of: window.clamped(to: 0..<count)))
    }

    private func bytes(of window: Range<Int>) -> UnsafeRawBufferPointer {
        let stride = IndividualReport.stride(of: form)
        return UnsafeRawBufferPointer(
            rebasing: bytes[stride * window.lowerBound..<stride * window.upperBound])
    }
}
