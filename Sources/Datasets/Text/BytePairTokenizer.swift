internal import Configuration

/// GPT-2's byte-level byte-pair encoding (Sennrich et al. 2016; Radford et al. 2019), from its published files.
///
/// A text's words are turned into tokens for their bytes, which merges then join. Every text has tokens, and decoding
/// gives it back. Tokens such as `<|endoftext|>`, which no merge yields, are found in the text as they are written.
package struct BytePairTokenizer: Tokenizer {
    package static let kind = "bpe"
    package static let files: Set<TokenizerOptions.File> = [.vocabulary, .merges]

    /// The bytes of each token.
    private let table: TokenTable
    private let merges: BytePairMerges
    /// The token of each byte.
    private let bytes: [Int32]
    /// Tokens that stand for themselves, with their bytes, the longest first.
    private let specials: [(token: Int32, text: [UInt8])]

    package init(_ options: TokenizerOptions, folder: String) throws {
        let vocabulary = try options.read(.vocabulary, limit: BytePairFiles.sizeLimit, folder: folder)
        let merges = try options.read(.merges, limit: BytePairFiles.sizeLimit, folder: folder)
        let files = try BytePairFiles(
            vocabulary: vocabulary.bytes, at: vocabulary.path, merges: merges.bytes, at: merges.path)
        (table, bytes, specials) = (files.table, files.bytes, files.specials)
        self.merges = files.merges
    }

    package var vocabularySize: Int { table.count }
    /// `<|endoftext|>` where the vocabulary has it, as GPT-2 is padded.
    package var padding: Int32 { specials.first { $0.text.elementsEqual("<|endoftext|>".utf8) }?.token ?? 0 }
    package var schema: TokenizerSchema {
        var schema = TokenizerSchema(kind: Self.kind, size: vocabularySize)
        schema.fingerprint = table.fingerprint
        return schema
    }

    package func append(
        _ text: UnsafeBufferPointer<UInt8>, to tokens: inout [Int32], cache: inout WordCache
    ) {
        var start = 0
        while let special = nextSpecial(in: text, from: start) {
            append(text, start..<special.range.lowerBound, to: &tokens, cache: &cache)
            tokens.append(special.token)
            start = special.range.upperBound
        }
        append(text, start..<text.count, to: &tokens, cache: &cache)
    }

    package func decode(_ tokens: [Int32]) -> String {
        var text: [UInt8] = []
        for token in tokens where token >= 0 && Int(token) < table.count { text += table.text(Int(token)) }
        return String(decoding: text, as: UTF8.self)
    }

    private func append(
        _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, to tokens: inout [Int32],
        cache: inout WordCache
    ) {
        var words = BytePairWords(text, range)
        var symbols: [Int32] = []
        while let range = words.next() {
            let word = UnsafeBufferPointer(rebasing: text[range])
            if cache.append(word, to: &tokens) { continue }
            let before = tokens.count
            symbols.removeAll(keepingCapacity: true)
            for byte in word { symbols.append(bytes[Int(byte)]) }
            merges.join(&symbols, appendingTo: &tokens)
            cache.remember(word, tokens[before...])
        }
    }

    /// The first special token from a place on.
    private func nextSpecial(
        in text: UnsafeBufferPointer<UInt8>, from start: Int
    ) -> (token: Int32, range: Range<Int>)? {
        guard !specials.isEmpty else { return nil }
        var place = start
        while place + 1 < text.count {
            if text[place] == UInt8(ascii: "<"), text[place + 1] == UInt8(ascii: "|") {
                for (token, special) in specials
                where place + special.count <= text.count
                    && text[place..<place + special.count].elementsEqual(special)
                {
                    return (token, place..<place + special.count)
                }
            }
            place += 1
        }
        return nil
    }
}
