/// Floats in the arena, with their number.
package struct FloatBlock {
    package let base: UnsafeMutablePointer<Float>
    /// How many floats lie there.
    package let count: Int

    package init(_ base: UnsafeMutablePointer<Float>, count: Int) { (self.base, self.count) = (base, count) }

    /// The place of row `index` of a matrix with `width` columns.
    package func row(_ index: Int, width: Int) -> UnsafeMutablePointer<Float> {
        assert(index >= 0 && (index + 1) * width <= count, "a row outside the block")
        return base + index * width
    }

    /// `count` floats from `offset` on.
    func part(_ offset: Int, _ count: Int) -> FloatBlock {
        assert(offset >= 0 && count >= 0 && offset + count <= self.count, "a part outside the block")
        return FloatBlock(base + offset, count: count)
    }
}

/// What one layer sees of one batch. All matrices are row-major, `count` rows each, with the examples outermost.
package struct LayerPass {
    /// Number of examples.
    package let count: Int
    /// [count]: how many positions of each example are filled, at least 1; nil where all of them are.
    package let lengths: UnsafePointer<Int32>?
    /// [count, input size].
    package let input: FloatBlock
    /// [count, output size].
    package let output: FloatBlock
    /// The layer's parameter tensors, by their place in ``Layer/tensors``.
    package let parameters: ParameterBlocks
    /// [count, scratchPerExample].
    package let scratch: FloatBlock
    /// What ``Layer/temporaries(count:)`` asked for.
    package let temporary: FloatBlock
    /// [count, input size], what backward writes; nil where nobody reads it.
    package let inputDelta: FloatBlock?
    /// [count, output size]; what backward reads.
    package let outputDelta: FloatBlock

    /// [count, input size]: the input of a layer that reads tokens, each in 0..<``Layer/vocabulary``.
    package var tokens: UnsafePointer<Int32> {
        UnsafeRawPointer(input.base).assumingMemoryBound(to: Int32.self)
    }

    /// Positions of an example that are filled, where each has `positions` of them.
    package func length(of example: Int, positions: Int) -> Int {
        guard let lengths else { return positions }
        return min(positions, Int(lengths[example]))
    }

    /// The pass of one example alone.
    package func single(_ example: Int) -> LayerPass {
        func share(_ block: FloatBlock) -> FloatBlock {
            let width = block.count / count
            return block.part(example * width, width)
        }
        return LayerPass(
            count: 1, lengths: lengths.map { $0 + example }, input: share(input), output: share(output),
            parameters: parameters, scratch: share(scratch), temporary: temporary,
            inputDelta: inputDelta.map(share), outputDelta: share(outputDelta))
    }
}

/// What becomes of a parameter tensor in a federation.
package enum ParameterRole: Sendable, Equatable {
    /// Trained everywhere, and sent: one value for all.
    case shared
    /// Trained at each client and never sent: every client has values of its own.
    case local
    /// Never trained.
    case frozen
}

/// Where one parameter tensor lies: in the vector that is trained, or in memory that is never written.
package struct ParameterPlace: Sendable, Equatable {
    /// Number of values.
    package let count: Int
    /// What becomes of it.
    package let role: ParameterRole
    /// Index of the first value among the model's trained parameters, the shared ones and behind them the local ones;
    /// nil where the tensor is frozen.
    package let offset: Int?
    /// Index of the first value among the model's frozen parameters, where it is frozen.
    package let frozenOffset: Int
    /// Whether a layer further up has the same tensor, so that its gradient is there when this layer's is added.
    package let isSharedAbove: Bool

    /// The same place where the tensor has this role; elsewhere one that takes no gradient.
    func only(_ role: ParameterRole) -> ParameterPlace {
        ParameterPlace(
            count: count, role: self.role, offset: self.role == role ? offset : nil,
            frozenOffset: frozenOffset, isSharedAbove: isSharedAbove)
    }
}

/// The parameter tensors of one layer.
package struct ParameterBlocks {
    let places: UnsafeBufferPointer<ParameterPlace>
    let trained: UnsafeMutablePointer<Float>
    let frozen: UnsafeMutablePointer<Float>?

    /// The values of tensor `index` in ``Layer/tensors``.
    package subscript(index: Int) -> UnsafeMutablePointer<Float> {
        let place = places[index]
        if let offset = place.offset { return trained + offset }
        guard let frozen else { preconditionFailure("a frozen tensor without values") }
        return frozen + place.frozenOffset
    }
}

extension ParameterBlocks {
    /// Whether tensor `index` in ``Layer/tensors`` is trained.
    package func isTrained(_ index: Int) -> Bool { places[index].offset != nil }
}

/// Where a layer's gradient goes.
package struct GradientBlocks {
    let places: UnsafeBufferPointer<ParameterPlace>
    let base: UnsafeMutablePointer<Float>
    /// Factor of what is added.
    package let scale: Float
    let keep: Float

    /// The target of tensor `index` in ``Layer/tensors`` and the factor, 0 or 1, of what it holds; with 0 it may hold
    /// anything. Nil where the tensor is not trained: its gradient is not wanted.
    package subscript(index: Int) -> (target: UnsafeMutablePointer<Float>, keep: Float)? {
        let place = places[index]
        guard let offset = place.offset else { return nil }
        return (base + offset, place.isSharedAbove ? 1 : keep)
    }
}
