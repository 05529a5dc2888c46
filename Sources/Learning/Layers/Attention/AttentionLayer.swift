internal import Compute
package import Configuration

/// Multi-head attention without its projections: softmax(q kᵀ / √size) v for each head (Vaswani et al. 2017, section
/// 3.2.1).
///
/// Reads [time, (heads + 2 · kv_heads) · size], at each position all queries, then all keys, then all values, as one
/// dense layer yields them (GPT-2's `c_attn`); yields [time, heads · size]. With fewer `kv_heads` than `heads` each key
/// and value serves a group of heads in a row (Ainslie et al. 2023). `causal` positions see themselves and those before
/// them. `rotary` turns queries and keys by their position (Su et al. 2021), in the halves that Llama pairs; a number is
/// the base of its frequencies, `true` 10,000. Positions beyond an example's length are not seen, and yield zeros.
/// Memory grows with the length, not with its square.
package struct AttentionLayer: Layer {
    package static let kind = "attention"
    package static let shorthand: String? = "heads"

    private let heads: Int
    private let keyHeads: Int
    private let isCausal: Bool
    private let rotaryBase: Double?
    private var attention: Attention

    package init(_ section: Section) throws {
        guard let heads = try section.integer("heads", in: 1...1024) else {
            throw section.error("heads", "is missing: how many heads there are, such as 4")
        }
        let keyHeads = try section.integer("kv_heads", in: 1...1024) ?? heads
        guard heads % keyHeads == 0 else {
            throw section.error("kv_heads", "must divide the \(heads) heads evenly, not be \(keyHeads)")
        }
        (self.heads, self.keyHeads) = (heads, keyHeads)
        isCausal = try section.bool("causal") ?? true
        rotaryBase =
            if case .bool(let isRotary)? = section.value("rotary") {
                isRotary ? 10_000 : nil
            } else {
                try section.number("rotary", expected: "true, false or a base above 1, such as 10000") {
                    $0 > 1
                }
            }
        attention = Attention(time: 1, heads: heads, keyHeads: keyHeads, headSize: 2, isCausal: isCausal)
    }

    package var arguments: [String: JSONValue] {
        [
            "heads": .integer(heads), "kv_heads": .integer(keyHeads), "causal": .bool(isCausal),
            "rotary": rotaryBase.map { .number($0) } ?? .bool(false),
        ]
    }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        guard input.hasTime else {
            throw ShapeProblem(
                message: "needs a sequence, not shape \(input.sizes); put {sequence: {}} before it")
        }
        let parts = heads + 2 * keyHeads
        guard input.width > 0, input.width % parts == 0 else {
            throw ShapeProblem(
                message: "needs queries, keys and values side by side, a multiple of \(parts) values at each "
                    + "position for \(heads) heads and \(keyHeads) of keys, not \(input.width)")
        }
        let size = input.width / parts
        guard rotaryBase == nil || size % 2 == 0 else {
            throw ShapeProblem(message: "cannot turn heads of \(size) values, an odd number")
        }
        attention = Attention(
            time: input.positions, heads: heads, keyHeads: keyHeads, headSize: size, isCausal: isCausal,
            rotaryBase: rotaryBase)
        return ActivationShape([input.positions, heads * size], hasTime: true)
    }

    // The log-sum-exp of each head's row of scores.
    package var scratchPerExample: Int { attention.keptCount }

    package func temporaries(count: Int) -> Int { attention.workCount }

    package func infer(_ pass: LayerPass) {
        let time = attention.time
        for example in 0..<pass.count {
            attention.forward(
                output: pass.output.row(example, width: time * attention.outputWidth),
                kept: pass.scratch.row(example, width: attention.keptCount),
                input: pass.input.row(example, width: time * attention.inputWidth),
                length: pass.length(of: example, positions: time), work: pass.temporary.base)
        }
    }

    package func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        let time = attention.time
        for example in 0..<pass.count {
            attention.backward(
                inputDelta: inputDelta.row(example, width: time * attention.inputWidth),
                outputDelta: pass.outputDelta.row(example, width: time * attention.outputWidth),
                output: pass.output.row(example, width: time * attention.outputWidth),
                kept: pass.scratch.row(example, width: attention.keptCount),
                input: pass.input.row(example, width: time * attention.inputWidth),
                length: pass.length(of: example, positions: time), work: pass.temporary.base)
        }
    }
}
