internal import CKernels
internal import Glibc

/// Attention softmax(q kᵀ / √headSize) v of one example, for every head, without ever holding the square of scores
/// (Dao et al. 2022).
///
/// Queries, keys and values come as one matrix, [time, (heads + 2 · keyHeads) · headSize] with queries first, then
/// keys, then values: what one dense layer yields for all of them.
package struct Attention: Sendable {
    /// Positions of an example.
    package let time: Int
    /// Heads of queries, and of the output.
    package let heads: Int
    /// Heads of keys and values, a divisor of ``heads``: each serves a group of heads in a row (Ainslie et al. 2023).
    package let keyHeads: Int
    /// Values of one head at one position.
    package let headSize: Int
    /// Whether a position sees itself and those before it only.
    package let isCausal: Bool
    /// [time, 2, headSize / 2]: the cosines and sines of the rotation; empty without one.
    private let rotary: [Float]

    /// With a `rotaryBase`, queries and keys are turned by their position times base^(−2 i / headSize) in the plane of
    /// values i and i + headSize / 2 (Su et al. 2021, section 3.4.2, in the halves that Llama pairs).
    package init(
        time: Int, heads: Int, keyHeads: Int, headSize: Int, isCausal: Bool, rotaryBase: Double? = nil
    ) {
        precondition(
            heads > 0 && keyHeads > 0 && heads % keyHeads == 0, "heads that do not share keys evenly")
        precondition(rotaryBase == nil || headSize % 2 == 0, "an odd head cannot be turned")
        (self.time, self.heads, self.keyHeads) = (time, heads, keyHeads)
        (self.headSize, self.isCausal) = (headSize, isCausal)
        rotary = rotaryBase.map { Self.rotation(time: time, headSize: headSize, base: $0) } ?? []
    }

    /// Columns of the matrix of queries, keys and values.
    package var inputWidth: Int { (heads + 2 * keyHeads) * headSize }
    /// Columns of the output.
    package var outputWidth: Int { heads * headSize }
    /// Floats that a forward pass keeps for the backward pass.
    package var keptCount: Int { heads * time }
    /// Floats that a pass works in; it grows with the length, not with its square.
    package var workCount: Int { withShape { Int(sordino_attention_work(&$0)) } }

    /// Writes the `output` [time, ``outputWidth``] from the `input` [time, ``inputWidth``], and `kept`
    /// (``keptCount`` floats). Only the first `length` positions are looked at, 1 to ``time``; the output is zero at
    /// those beyond.
    package func forward(
        output: UnsafeMutablePointer<Float>, kept: UnsafeMutablePointer<Float>,
        input: UnsafePointer<Float>, length: Int, work: UnsafeMutablePointer<Float>
    ) {
        precondition(length > 0 && length <= time, "a length outside the example")
        withShape { sordino_attention_forward(output, kept, input, length, &$0, work) }
    }

    /// Writes the `inputDelta` from the `outputDelta` and what ``forward(output:kept:input:length:work:)`` read and
    /// wrote; it is zero beyond `length`, where the `outputDelta` is not read.
    package func backward(
        inputDelta: UnsafeMutablePointer<Float>, outputDelta: UnsafePointer<Float>,
        output: UnsafePointer<Float>, kept: UnsafePointer<Float>, input: UnsafePointer<Float>,
        length: Int, work: UnsafeMutablePointer<Float>
    ) {
        precondition(length > 0 && length <= time, "a length outside the example")
        withShape {
            sordino_attention_backward(inputDelta, outputDelta, output, kept, input, length, &$0, work)
        }
    }

    private func withShape<Result>(_ body: (inout sordino_attention) -> Result) -> Result {
        rotary.withUnsafeBufferPointer { table in
            var shape = sordino_attention(
                time: time, heads: heads, kv_heads: keyHeads, head_size: headSize,
                is_causal: isCausal ? 1 : 0,
                rotary: table.isEmpty ? nil : table.baseAddress)
            return body(&shape)
        }
    }

    private static func rotation(time: Int, headSize: Int, base: Double) -> [Float] {
        let half = headSize / 2
        var table = [Float](repeating: 0, count: time * headSize)
        for pair in 0..<half {
            let frequency = pow(base, -2 * Double(pair) / Double(headSize))
            for position in 0..<time {
                let angle = Double(position) * frequency
                table[position * headSize + pair] = Float(cos(angle))
                table[position * headSize + half + pair] = Float(sin(angle))
            }
        }
        return table
    }
}
