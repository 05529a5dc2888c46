import Foundation

/// Examples of attention, with every argument, beside its definition position by position.
enum AttentionExamples {
    static let all = [
        example("{attention: 1}", time: 4, heads: 1, size: 3),
        example("{attention: {heads: 2, causal: false}}", time: 3, heads: 2, size: 4, isCausal: false),
        example("{attention: {heads: 4, kv_heads: 2}}", time: 5, heads: 4, keyHeads: 2, size: 2),
        example("{attention: {heads: 2, rotary: true}}", time: 6, heads: 2, size: 4, base: 10_000),
        example(
            "{attention: {heads: 3, kv_heads: 1, causal: false, rotary: 20}}", time: 4, heads: 3, keyHeads: 1,
            size: 6, isCausal: false, base: 20),
    ]

    private static func example(
        _ text: String, time: Int, heads: Int, keyHeads: Int? = nil, size: Int, isCausal: Bool = true,
        base: Double? = nil
    ) -> LayerExample {
        let keyHeads = keyHeads ?? heads
        return LayerExample(
            text: text, inputShape: [time, (heads + 2 * keyHeads) * size], hasTime: true
        ) { input, _ in
            attention(input, time: time, heads: heads, keyHeads: keyHeads, isCausal: isCausal, base: base)
        }
    }

    /// softmax(q kᵀ / √size) v of each head, over the first `time` positions of `input`.
    static func attention(
        _ input: [Double], time: Int, heads: Int, keyHeads: Int, isCausal: Bool, base: Double?
    ) -> [Double] {
        let width = input.count / time
        let size = width / (heads + 2 * keyHeads)
        func vector(_ position: Int, _ head: Int) -> [Double] {
            Array(input[(position * width + head * size)...].prefix(size))
        }
        // The pair (i, i + size / 2) as a complex number, turned by the position times base^(−2 i / size).
        func turned(_ vector: [Double], _ position: Int) -> [Double] {
            guard let base else { return vector }
            var result = vector
            for pair in 0..<(size / 2) {
                let angle = Double(position) / pow(base, 2 * Double(pair) / Double(size))
                let (real, imaginary) = (vector[pair], vector[pair + size / 2])
                result[pair] = real * cos(angle) - imaginary * sin(angle)
                result[pair + size / 2] = real * sin(angle) + imaginary * cos(angle)
            }
            return result
        }
        return (0..<time).flatMap { position in
            (0..<heads).flatMap { head in
                let group = head * keyHeads / heads
                let seen = 0..<(isCausal ? position + 1 : time)
                let query = turned(vector(position, head), position)
                let weights = seen.map { other in
                    let key = turned(vector(other, heads + group), other)
                    return exp(zip(query, key).reduce(0) { $0 + $1.0 * $1.1 } / Double(size).squareRoot())
                }
                let sum = weights.reduce(0, +)
                return (0..<size).map { index in
                    zip(weights, seen).reduce(0) {
                        $0 + $1.0 / sum * vector($1.1, heads + keyHeads + group)[index]
                    }
                }
            }
        }
    }
}
