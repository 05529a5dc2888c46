internal import Compute

/// A table that an embedding and a dense layer at the other end of a model share, such as a language model's tokens: one
/// example's squared norm without the gradient, which is as large as the table.
///
/// The gradient is Σ_t 1_{token t} ∂e_tᵀ + Σ_s ∂y_s x_sᵀ, with ∂e the delta of the embedding's output, x and ∂y input and
/// output's delta of the dense layer. The squares of both parts are the layers' own rules; twice their product, Σ_{t,s}
/// ∂y_s[token t] (∂e_t · x_s), is what is added here (Li et al. 2022, section 4, carried over to tied tables).
struct TiedTable {
    /// The places of the two nodes in the model.
    let embedding: Int
    let dense: Int
    private let positions: Int
    private let units: Int
    private let tokens: Int

    /// Nil where `nodes` share tensors in any other way, have a trained bias beside the table, or are so small that forming
    /// the gradient takes fewer multiplications.
    init?(_ nodes: [Node]) {
        let sharing = nodes.indices.filter { nodes[$0].sharesParameters }
        guard sharing.count == 2, sharing.allSatisfy({ nodes[$0].places.count { $0.offset != nil } == 1 }),
            let embedding = sharing.first(where: { nodes[$0].layer?.sharedTable == .byToken }),
            let dense = sharing.first(where: { nodes[$0].layer?.sharedTable == .byOutput })
        else { return nil }
        let (table, head) = (nodes[embedding], nodes[dense])
        guard table.inputShape.count == head.inputShape.positions else { return nil }
        (self.embedding, self.dense) = (embedding, dense)
        (positions, units) = (table.inputShape.count, table.outputShape.width)
        tokens = head.outputShape.width
        guard positions * (tokens + 2 * units) <= tokens * units else { return nil }
    }

    /// Floats that the rule works in.
    var size: Int { positions * positions }

    /// Twice the product of the two parts of one example's gradient; `room` has ``size`` floats.
    func crossing(_ embedding: LayerPass, _ dense: LayerPass, room: UnsafeMutablePointer<Float>) -> Double {
        let count = embedding.length(of: 0, positions: positions)
        BLAS.multiply(
            embedding.outputDelta.base, dense.input.base, transposeB: true, into: room, rows: count,
            columns: count, inner: units)
        var sum = 0.0
        for position in 0..<count {
            let products = room + position * count
            let deltas = dense.outputDelta.base + Int(embedding.tokens[position])
            for other in 0..<count { sum += Double(products[other]) * Double(deltas[other * tokens]) }
        }
        return 2 * sum
    }

    /// What rounding makes of ``crossing(_:_:room:)``: a share of 2ab ≤ a² + b², of the lengths of the terms of both parts.
    func squaredRounding(_ embedding: LayerPass, _ dense: LayerPass) -> Double {
        Rounding.ofSquares
            * (Rounding.sums(embedding.outputDelta, squares: positions)
                + Rounding.products(dense.input, dense.outputDelta, biases: 0))
    }
}

/// How a layer reads a table that it may share with another.
package enum SharedTableRole: Sendable {
    /// A row stands for a token, and is its output.
    case byToken
    /// A row stands for an output, and is multiplied by the input.
    case byOutput
}
