package import Messages

/// What a server rule remembers of a model between rounds, in memory.
package struct OptimizerState: Equatable, Sendable {
    /// Names of the values that are remembered of every parameter (``ServerRule/stateNames``).
    package let names: [String]
    /// One value a parameter, for the first name, then for the next; empty before the first step.
    package private(set) var values: [Float] = []

    /// The state before the first step of a rule that remembers values of these names.
    package init(names: [String] = []) { self.names = names }

    /// Room for a model of `count` parameters: zeros, unless there are values already.
    mutating func prepare(count: Int) {
        if values.isEmpty { values = [Float](repeating: 0, count: names.count * count) }
    }

    /// Gives `body` the state of all `count` parameters; ``prepare(count:)`` made room for them.
    mutating func withPiece(count: Int, _ body: (OptimizerStatePiece) -> Void) {
        let width = names.count
        values.withUnsafeMutableBufferPointer {
            body(OptimizerStatePiece($0, width: width, count: count))
        }
    }

    // MARK: As files keep it

    /// Name of the tensor that files keep the state in, and key of its names in their metadata.
    package static let fileKey = "strategy.state"

    /// Shape of the tensor for a model of `count` parameters: `[count]` where one value is remembered, `[count, names]`
    /// where there are more, and `[0]` where there is none.
    package static func shape(names: [String], count: Int) -> [Int] {
        switch names.count {
        case 0: [0]
        case 1: [count]
        default: [count, names.count]
        }
    }

    /// What a file's metadata say of the state: the names, where there are several.
    package static func metadata(names: [String]) -> [String: String] {
        names.count < 2 ? [:] : [fileKey: names.joined(separator: ",")]
    }

    /// Whether a tensor holds the state of a model of `count` parameters, or that before the first step: nothing.
    package static func fits(
        shape: [Int], metadata: [String: String], names: [String], count: Int
    ) -> Bool {
        shape == [0]
            || (!names.isEmpty && shape == Self.shape(names: names, count: count)
                && metadata[fileKey] == Self.metadata(names: names)[fileKey])
    }

    /// The state as a tensor; nil before the first step and where nothing is remembered.
    package var tensor: SafeTensors.Tensor? {
        guard !values.isEmpty else { return nil }
        let (width, count) = (names.count, values.count / names.count)
        var rows = values
        if width > 1 {
            for index in 0..<count {
                for place in 0..<width { rows[index * width + place] = values[place * count + index] }
            }
        }
        return SafeTensors.Tensor(
            name: Self.fileKey, shape: Self.shape(names: names, count: count), values: rows)
    }

    /// The state of a model of `count` parameters that ``tensor`` kept; nil where the tensor is of another model or
    /// rule.
    package init?(
        _ tensor: SafeTensors.Tensor, metadata: [String: String], names: [String], count: Int
    ) {
        guard Self.fits(shape: tensor.shape, metadata: metadata, names: names, count: count) else {
            return nil
        }
        self.init(names: names)
        guard !tensor.values.isEmpty else { return }
        prepare(count: count)
        withPiece(count: count) { piece in tensor.values.withUnsafeBytes(piece.load) }
    }
}

/// The optimiser state of a piece of a model: for each name as many values as the piece has parameters.
package struct OptimizerStatePiece {
    /// Number of parameters.
    package let count: Int
    /// Values remembered of each.
    package let width: Int
    private let start: UnsafeMutablePointer<Float>?
    /// From one name's first value to the next name's.
    private let stride: Int

    /// The state of `count` parameters as `values` holds it: a run of `count` values for each of `width` names.
    package init(_ values: UnsafeMutableBufferPointer<Float>, width: Int, count: Int) {
        precondition(values.count == width * count, "a state of another model or rule")
        (self.count, self.width, start, stride) = (count, width, values.baseAddress, count)
    }

    private init(_ whole: OptimizerStatePiece, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= whole.count, "no such parameters")
        (count, width, stride) = (range.count, whole.width, whole.stride)
        start = whole.start.map { $0 + range.lowerBound }
    }

    /// The state of some of the parameters.
    package subscript(range: Range<Int>) -> OptimizerStatePiece { OptimizerStatePiece(self, range) }

    /// The values of the name at `place`, one a parameter.
    package subscript(place: Int) -> UnsafeMutableBufferPointer<Float> {
        precondition(place >= 0 && place < width, "the rule does not remember as much")
        return UnsafeMutableBufferPointer(start: start.map { $0 + place * stride }, count: count)
    }

    /// Makes all values zero.
    package func clear() {
        for place in 0..<width { self[place].update(repeating: 0) }
    }

    /// Copies the values as files keep them: those of the first parameter, then those of the next.
    package func store(into rows: UnsafeMutableBufferPointer<Float>) {
        precondition(rows.count == width * count, "rows of another length")
        for place in 0..<width {
            let values = self[place]
            for index in 0..<count { rows[index * width + place] = values[index] }
        }
    }

    /// Takes the values that ``store(into:)`` copied.
    package func load(_ rows: UnsafeRawBufferPointer) {
        precondition(rows.count == 4 * width * count, "rows of another length")
        for place in 0..<width {
            let values = self[place]
            for index in 0..<count {
                values[index] = rows.loadUnaligned(
                    fromByteOffset: 4 * (index * width + place), as: Float.self)
            }
        }
    }
}
