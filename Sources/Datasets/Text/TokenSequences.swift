internal import Compute
internal import Configuration

/// Sequences of one length, cut from texts that lie end to end as tokens.
struct TokenSequences {
    /// A sequence: where its tokens start and how many positions are filled.
    struct Place: Equatable {
        let start: Int
        let count: Int
        /// The text that it was cut from.
        let text: Int
    }

    /// Most tokens of all sequences together.
    static let sizeLimit = 1 << 30

    private(set) var tokens: [Int32] = []
    private(set) var places: [Place] = []
    /// Texts that were too short for a sequence.
    private(set) var shortCount = 0
    private let length: Int
    private let predictsTokens: Bool

    /// Cuts each text, by `tokenizer`, into sequences of `length` tokens: to predict tokens one every `stride` tokens,
    /// until each token but the first has been a target, else one a text. Throws ``ConfigurationError`` under `path`
    /// where there would be too many.
    init(
        _ texts: [[UInt8]], by tokenizer: any Tokenizer, length: Int, stride: Int, predictsTokens: Bool,
        path: String
    ) throws {
        (self.length, self.predictsTokens) = (length, predictsTokens)
        var cache = WordCache()
        for (number, text) in texts.enumerated() {
            let start = tokens.count
            let frame = predictsTokens ? nil : tokenizer.frame
            if let frame { tokens.append(frame.start) }
            text.withUnsafeBufferPointer { tokenizer.append($0, to: &tokens, cache: &cache) }
            if predictsTokens {
                cut(text: number, from: start, stride: stride)
            } else {
                let most = frame == nil || length < 2 ? length : length - 1
                if tokens.count - start > most { tokens.removeLast(tokens.count - start - most) }
                if let frame, length > 1 { tokens.append(frame.end) }
                places.append(Place(start: start, count: tokens.count - start, text: number))
            }
            guard places.count <= Self.sizeLimit / length else {
                throw ConfigurationError(
                    path: path,
                    problem:
                        "makes more than \(Self.sizeLimit / length) sequences of \(length) tokens, which is "
                        + "too much; a longer stride makes fewer")
            }
        }
    }

    private mutating func cut(text: Int, from first: Int, stride: Int) {
        let end = tokens.count
        guard end - first >= 2 else {
            shortCount += 1
            return
        }
        var start = first
        while start + 1 < end, places.count <= Self.sizeLimit / length {
            let count = min(length, end - 1 - start)
            places.append(Place(start: start, count: count, text: text))
            if start + count + 1 >= end { break }
            start += stride
        }
    }

    /// Lets `tokenizer` learn its vocabulary from the chosen sequences, and then makes tokens of all of them.
    mutating func settle(_ tokenizer: inout any Tokenizer, rows: [Int32], file: String) throws {
        guard tokenizer.awaitsVocabulary else { return }
        var seen: [Int32] = []
        for row in rows {
            let place = places[Int(row)]
            seen += tokens[place.start..<place.start + place.count + (predictsTokens ? 1 : 0)]
        }
        try tokenizer.learn(from: seen, file: file)
        tokenizer.settle(&tokens)
    }

    /// The chosen sequences as examples, filled up with padding. Without `targets` the next token is the target of each
    /// position.
    func examples(
        _ rows: [Int32], tokenizer: any Tokenizer, targets: Examples.Targets?
    ) -> Examples {
        var inputs = [Int32](repeating: tokenizer.padding, count: rows.count * length)
        var next = predictsTokens ? [Int32](repeating: Examples.Targets.ignored, count: inputs.count) : []
        var lengths = [Int32](repeating: 0, count: rows.count)
        for (row, number) in rows.enumerated() {
            let place = places[Int(number)]
            lengths[row] = Int32(max(1, place.count))
            for position in 0..<place.count {
                inputs[row * length + position] = tokens[place.start + position]
                if predictsTokens { next[row * length + position] = tokens[place.start + position + 1] }
            }
        }
        let size = tokenizer.vocabularySize
        return Examples(
            count: rows.count, featureShape: [length], features: .tokens(inputs, vocabulary: size),
            targets: targets ?? .tokens(next, length: length, classes: size),
            lengths: lengths.allSatisfy { $0 == Int32(length) } ? nil : lengths)
    }
}
