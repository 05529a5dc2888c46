internal import Configuration

/// BERT's WordPiece (Devlin et al. 2018, `tokenization.py` of the published code), from a published `vocab.txt`.
///
/// Text is cleaned and cut into words at white space, punctuation and ideographs, in small letters without accents
/// where asked for; each word becomes the longest pieces that the vocabulary has, from its start on.
package struct WordPieceTokenizer: Tokenizer {
    package static let kind = "wordpiece"
    package static let files: Set<TokenizerOptions.File> = [.vocabulary]

    /// Words of more characters are unknown, as in the published code.
    static let longestWord = 100
    /// Most bytes of a vocabulary. BERT's has 0.2 MB.
    private static let sizeLimit = 64 << 20
    private static let tokenLimit = 1 << 21

    private let table: TokenTable
    private let lowercase: Bool
    /// `[UNK]`, `[CLS]`, `[SEP]`, `[PAD]`.
    private let unknown: Int32
    private let start: Int32
    private let end: Int32
    package let padding: Int32
    /// Tokens that stand for themselves in a text, with their bytes.
    private let specials: [(token: Int32, text: [UInt8])]

    package init(_ options: TokenizerOptions, folder: String) throws {
        let (bytes, path) = try options.read(.vocabulary, limit: Self.sizeLimit, folder: folder)
        let table = try Self.table(bytes, path)
        func special(_ name: String) throws -> Int32 {
            if let token = Self.token(name, in: table) { return token }
            throw ConfigurationError(path: path, problem: "lacks the token \(name)")
        }
        self.table = table
        lowercase = options.lowercase ?? true
        unknown = try special("[UNK]")
        start = try special("[CLS]")
        end = try special("[SEP]")
        padding = try special("[PAD]")
        specials = ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"].compactMap { name in
            Self.token(name, in: table).map { ($0, Array(name.utf8)) }
        }
    }

    package var vocabularySize: Int { table.count }
    package var frame: (start: Int32, end: Int32)? { (start, end) }
    package var schema: TokenizerSchema {
        var schema = TokenizerSchema(kind: Self.kind, size: vocabularySize)
        schema.fingerprint = table.fingerprint
        schema.lowercase = lowercase
        return schema
    }

    package func append(
        _ text: UnsafeBufferPointer<UInt8>, to tokens: inout [Int32], cache: inout WordCache
    ) {
        var (start, place) = (0, 0)
        while place < text.count {
            if text[place] == UInt8(ascii: "["), let special = special(in: text, at: place) {
                append(text, start..<place, to: &tokens, cache: &cache)
                tokens.append(special.token)
                place += special.count
                start = place
            } else {
                place += 1
            }
        }
        append(text, start..<text.count, to: &tokens, cache: &cache)
    }

    /// Words with a blank between them: white space and what the vocabulary does not tell are lost.
    package func decode(_ tokens: [Int32]) -> String {
        var text: [UInt8] = []
        for token in tokens where token >= 0 && Int(token) < table.count {
            let piece = table.text(Int(token))
            if piece.starts(with: "##".utf8), !text.isEmpty {
                text += piece.dropFirst(2)
            } else {
                if !text.isEmpty { text.append(0x20) }
                text += piece
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private func append(
        _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, to tokens: inout [Int32],
        cache: inout WordCache
    ) {
        var place = range.lowerBound
        var written: [UInt8] = []
        while place < range.upperBound {
            let (word, next) = WordNormalizer.word(text, place..<range.upperBound)
            place = next
            if word.isEmpty { continue }
            let bytes = UnsafeBufferPointer(rebasing: text[word])
            if cache.append(bytes, to: &tokens) { continue }
            let before = tokens.count
            // Room for the mark of a piece that continues a word.
            written.removeAll(keepingCapacity: true)
            written += [0, 0]
            WordNormalizer.write(bytes, lowercase: lowercase, to: &written)
            appendParts(of: &written, to: &tokens)
            cache.remember(bytes, tokens[before...])
        }
    }

    /// The pieces of a written word, whose punctuation marks are words of their own. Its first two bytes are free.
    private func appendParts(of written: inout [UInt8], to tokens: inout [Int32]) {
        written.withUnsafeMutableBufferPointer { written in
            var reader = UTF8Reader(UnsafeBufferPointer(written), 2..<written.count)
            var (start, count) = (2, 0)
            while true {
                let place = reader.position
                let scalar = reader.next()
                if let scalar, !WordNormalizer.isPunctuation(scalar) {
                    count += 1
                    continue
                }
                appendPieces(of: written, start..<place, characters: count, to: &tokens)
                guard scalar != nil else { return }
                appendPieces(of: written, place..<reader.position, characters: 1, to: &tokens)
                (start, count) = (reader.position, 0)
            }
        }
    }

    /// The longest pieces of a word from its start on; one unknown token where some of it has none. What stands before
    /// each piece is written over: it has its token.
    private func appendPieces(
        of written: UnsafeMutableBufferPointer<UInt8>, _ range: Range<Int>, characters: Int,
        to tokens: inout [Int32]
    ) {
        guard characters <= Self.longestWord else {
            tokens.append(unknown)
            return
        }
        let before = tokens.count
        var start = range.lowerBound
        while start < range.upperBound {
            var first = start
            if start > range.lowerBound {
                first = start - 2
                (written[first], written[first + 1]) = (UInt8(ascii: "#"), UInt8(ascii: "#"))
            }
            var stop = min(range.upperBound, first + table.longest)
            var piece: Int32?
            while stop > start {
                // Only at a character's border.
                if stop == range.upperBound || written[stop] & 0xC0 != 0x80 {
                    piece = table.token(UnsafeBufferPointer(rebasing: written[first..<stop]))
                    if piece != nil { break }
                }
                stop -= 1
            }
            guard let piece else {
                tokens.removeLast(tokens.count - before)
                tokens.append(unknown)
                return
            }
            tokens.append(piece)
            start = stop
        }
    }

    private func special(
        in text: UnsafeBufferPointer<UInt8>, at place: Int
    ) -> (token: Int32, count: Int)? {
        for (token, special) in specials
        where place + special.count <= text.count
            && text[place..<place + special.count].elementsEqual(special)
        {
            return (token, special.count)
        }
        return nil
    }

    private static func token(_ name: String, in table: TokenTable) -> Int32? {
        Array(name.utf8).withUnsafeBufferPointer { table.token($0) }
    }

    /// A token a line, in the order of their numbers.
    private static func table(_ bytes: [UInt8], _ path: String) throws -> TokenTable {
        if let fault = bytes.withUnsafeBufferPointer({ UTF8Reader.firstFault($0) }) {
            throw ConfigurationError(path: path, problem: "is not UTF-8 text: byte \(fault + 1)")
        }
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty ?? false { lines.removeLast() }
        guard (1...tokenLimit).contains(lines.count) else {
            throw ConfigurationError(
                path: path, problem: "has \(lines.count) tokens; a vocabulary has 1 to \(tokenLimit)")
        }
        let tokens = lines.map { Array($0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0) }
        if let empty = tokens.firstIndex(of: []) {
            throw ConfigurationError(path: path, problem: "line \(empty + 1): is empty; it must hold a token")
        }
        do {
            return try TokenTable(tokens)
        } catch {
            let name = BadRows.show(String(decoding: tokens[error.token], as: UTF8.self))
            throw ConfigurationError(
                path: path,
                problem: "line \(error.token + 1): the token \(name) stands in line \(error.first + 1) too")
        }
    }
}
