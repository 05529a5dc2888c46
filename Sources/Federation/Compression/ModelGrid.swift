package import Configuration
internal import Encoding

/// Published models of few bits a parameter (`task.compression.download`): in blocks of 256, each a step and small integers.
///
/// The server's model itself lies on the grid, so that whoever has it whole and whoever has it packed hold the same bits. What
/// rounding leaves out the server keeps and adds before it rounds the next model (error feedback: Karimireddy et al.
/// 2019; of models Tang et al. 2019, "DoubleSqueeze"). Rounding is to the nearest and looks at the model alone: in private
/// modes it is done to what is released anyway, and costs nothing.
package struct ModelGrid: Equatable, Sendable {
    /// Parameters that share a step, by their place in the layout.
    package static let block = 256
    /// Name of the values that the server remembers of every parameter: what rounding left out.
    package static let residual = "download_residual"
    /// Steps below are none: their multiples would lose digits.
    private static let leastStep: Float = 0x1p-100

    /// Bits of a parameter.
    package let bits: Int

    /// Reads the section. Throws ``ConfigurationError``.
    package init(_ section: Section) throws {
        bits = try section.integer("bits", in: 3...8) ?? 5
        try section.finish()
    }

    /// The section with every default filled in.
    package var json: JSONValue { .object(["bits": .integer(bits)]) }

    /// Steps from zero to the greatest parameter of a block; integers travel with this added.
    private var greatest: Int32 { 1 << (Int32(bits) - 1) - 1 }

    /// Throws ``ConfigurationError`` where a task's models cannot travel so.
    func check(_ task: TaskConfiguration) throws {
        guard !task.strategy.server.publishesState else {
            throw ConfigurationError(
                path: "task.compression.download",
                problem: "shortens models, but strategy \"\(task.strategy.name)\" publishes more than that; "
                    + "remove one of the two")
        }
    }

    // MARK: The grid

    /// Moves parameters with what was left out of them before to the nearest points of the grid, and leaves in `residual` what
    /// is left out now. The first is the first of a block. A block that is not finite stays as it is.
    package func round(
        _ parameters: UnsafeMutableBufferPointer<Float>, residual: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(parameters.count == residual.count, "pieces of different lengths")
        for start in stride(from: 0, to: parameters.count, by: Self.block) {
            let places = start..<min(start + Self.block, parameters.count)
            var largest: Float = 0
            var isFinite = true
            for place in places {
                residual[place] += parameters[place]
                largest = max(largest, residual[place].magnitude)
                isFinite = isFinite && residual[place].isFinite
            }
            guard isFinite else {
                for place in places { residual[place] = 0 }
                continue
            }
            let step = step(largest)
            let (inverse, most) = (step == 0 ? 0 : 1 / step, Float(greatest))
            for place in places {
                let wanted = residual[place]
                let scaled = min(max((wanted * inverse).rounded(.toNearestOrEven), -most), most)
                // By way of the integer, which has no negative zero.
                parameters[place] = Float(Int32(scaled)) * step
                residual[place] = wanted - parameters[place]
            }
        }
    }

    /// The step whose `greatest`-fold is at least `largest`: of 12 digits, so that each multiple has at most 19 and is exact,
    /// and so near that the largest is rounded to the greatest.
    private func step(_ largest: Float) -> Float {
        let step = largest / Float(greatest)
        guard step >= Self.leastStep else { return 0 }
        let dropped: UInt32 = 1 << 12 - 1
        return Float(bitPattern: (step.bitPattern + dropped) & ~dropped)
    }

    // MARK: As it travels

    /// Bytes of a packed model of `count` parameters.
    package func byteCount(_ count: Int) -> Int {
        let (blocks, rest) = count.quotientAndRemainder(dividingBy: Self.block)
        return blocks * blockBytes(Self.block) + (rest == 0 ? 0 : blockBytes(rest))
    }

    private func blockBytes(_ count: Int) -> Int { 4 + PackedIntegers.byteCount(count: count, bits: bits) }

    /// Parameters of the grid as they travel; nil where some are not on it, as those that a run starts from.
    package func pack(_ parameters: UnsafeBufferPointer<Float>) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: byteCount(parameters.count))
        var words = [UInt32](repeating: 0, count: Self.block)
        var place = 0
        for start in stride(from: 0, to: parameters.count, by: Self.block) {
            let values = UnsafeBufferPointer(
                rebasing: parameters[start..<min(start + Self.block, parameters.count)])
            let largest = values.reduce(Float(0)) { max($0, $1.magnitude) }
            // The largest is the greatest multiple, exactly.
            let step = largest / Float(greatest)
            guard step.isFinite else { return nil }
            for index in values.indices {
                let scaled = step == 0 ? 0 : values[index] / step
                guard scaled.magnitude <= Float(greatest) else { return nil }
                let integer = Int32(scaled)
                guard Float(integer) * step == values[index] else { return nil }
                words[index] = UInt32(bitPattern: integer &+ greatest)
            }
            let length = blockBytes(values.count)
            bytes.withUnsafeMutableBytes { bytes in
                let target = UnsafeMutableRawBufferPointer(rebasing: bytes[place..<place + length])
                target.storeBytes(of: step.bitPattern.littleEndian, as: UInt32.self)
                words.withUnsafeBufferPointer { words in
                    _ = PackedIntegers.pack(
                        UnsafeBufferPointer(rebasing: words[..<values.count]), bits: bits,
                        into: UnsafeMutableRawBufferPointer(rebasing: target[4...]))
                }
            }
            place += length
        }
        return bytes
    }

    /// The `count` parameters that bytes stand for; nil where they are no packed model. The bytes may be anything.
    package func unpack(_ bytes: UnsafeRawBufferPointer, count: Int) -> [Float]? {
        guard bytes.count == byteCount(count) else { return nil }
        var parameters = [Float](repeating: 0, count: count)
        var words = [UInt32](repeating: 0, count: Self.block)
        var place = 0
        for start in stride(from: 0, to: count, by: Self.block) {
            let length = min(Self.block, count - start)
            let step = Float(
                bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)))
            let integers = UnsafeRawBufferPointer(rebasing: bytes[place + 4..<place + blockBytes(length)])
            guard step.isFinite, step >= 0, PackedIntegers.isPacked(integers, count: length, bits: bits)
            else {
                return nil
            }
            words.withUnsafeMutableBufferPointer { words in
                PackedIntegers.unpack(
                    integers, bits: bits, into: UnsafeMutableBufferPointer(rebasing: words[..<length]))
            }
            for index in 0..<length {
                parameters[start + index] = Float(Int32(bitPattern: words[index]) &- greatest) * step
            }
            place += blockBytes(length)
        }
        return parameters
    }
}

extension TaskConfiguration {
    /// The `compression` section with every default filled in; nil where there is none.
    package var compressionJSON: JSONValue? {
        guard let download else { return compression?.json }
        guard case .object(var members)? = compression?.json else {
            return .object(["download": download.json])
        }
        members["download"] = download.json
        return .object(members)
    }
}
