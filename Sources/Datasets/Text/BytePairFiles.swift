internal import Configuration
internal import FoundationEssentials

/// Reads the two files of a published byte-pair vocabulary: `vocab.json` (or `encoder.json`), an object from tokens to
/// their numbers, and `merges.txt` (or `vocab.bpe`), a merge a line.
struct BytePairFiles {
    /// Most bytes of one file. GPT-2's have 1.0 MB and 0.5 MB.
    static let sizeLimit = 64 << 20
    /// Most tokens.
    static let tokenLimit = 1 << 21

    let table: TokenTable
    let merges: BytePairMerges
    /// The token of each byte.
    let bytes: [Int32]
    /// Tokens that no merge yields and that are written `<|…|>`, with their bytes, the longest first.
    let specials: [(token: Int32, text: [UInt8])]

    /// Throws ``ConfigurationError`` naming the file, the place and the fault where the two do not fit together.
    init(vocabulary: [UInt8], at path: String, merges: [UInt8], at mergesPath: String) throws {
        let names = try Self.names(vocabulary, path)
        var texts = names.map(ByteAlphabet.bytes)
        for (token, text) in texts.enumerated() where text == nil { texts[token] = Array(names[token].utf8) }
        do {
            table = try TokenTable(texts.compactMap(\.self))
        } catch {
            throw ConfigurationError(
                path: path, problem: "tokens \(error.first) and \(error.token) stand for the same bytes")
        }
        let table = table
        bytes = try (0...255).map { byte in
            guard let token = [UInt8(byte)].withUnsafeBufferPointer({ table.token($0) }) else {
                let character = ByteAlphabet.characters[byte]
                throw ConfigurationError(
                    path: path, problem: "lacks byte \(byte), the token \(BadRows.show("\(character)"))")
            }
            return token
        }
        var isMade = [Bool](repeating: false, count: names.count)
        self.merges = try Self.merges(merges, mergesPath, table: table, isMade: &isMade)
        specials = names.indices
            .filter { !isMade[$0] && names[$0].hasPrefix("<|") && names[$0].hasSuffix("|>") }
            .map { (Int32($0), Array(table.text($0))) }
            .sorted { ($1.text.count, $0.token) < ($0.text.count, $1.token) }
    }

    /// The tokens in the order of their numbers, which must be those from 0 on, each once.
    private static func names(_ bytes: [UInt8], _ path: String) throws -> [String] {
        guard let numbers = try? JSONDecoder().decode([String: Int].self, from: Data(bytes)) else {
            throw ConfigurationError(
                path: path,
                problem: "is not a vocabulary: it must be a JSON object from tokens to whole numbers")
        }
        guard (256...tokenLimit).contains(numbers.count) else {
            throw ConfigurationError(
                path: path,
                problem: "has \(numbers.count) tokens; a byte-level vocabulary has 256 to \(tokenLimit)")
        }
        var names = [String?](repeating: nil, count: numbers.count)
        for (name, number) in numbers {
            guard names.indices.contains(number) else {
                throw ConfigurationError(
                    path: path,
                    problem: "token \(BadRows.show(name)) has the number \(number), but there are "
                        + "\(names.count) tokens, numbered from 0 without a gap")
            }
            if let other = names[number] {
                let both = [other, name].sorted().map(BadRows.show).joined(separator: " and ")
                throw ConfigurationError(path: path, problem: "tokens \(both) both have the number \(number)")
            }
            names[number] = name
        }
        return names.compactMap(\.self)
    }

    private static func merges(
        _ bytes: [UInt8], _ path: String, table: TokenTable, isMade: inout [Bool]
    ) throws -> BytePairMerges {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard lines.count <= tokenLimit else {
            throw ConfigurationError(path: path, problem: "has more than \(tokenLimit) merges")
        }
        var merges = BytePairMerges(count: lines.count)
        for (index, line) in lines.enumerated() {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            if line.isEmpty || (index == 0 && line.starts(with: "#version".utf8)) { continue }
            func fault(_ problem: String) -> ConfigurationError {
                ConfigurationError(path: path, problem: "line \(index + 1): \(problem)")
            }
            let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw fault("must hold two tokens with a blank between them") }
            let texts = try parts.map { part in
                let name = String(decoding: part, as: UTF8.self)
                guard let text = ByteAlphabet.bytes(name), !text.isEmpty else {
                    throw fault("\(BadRows.show(name)) is not written in the byte alphabet")
                }
                return text
            }
            func token(_ text: [UInt8], _ what: String) throws -> Int32 {
                if let token = text.withUnsafeBufferPointer({ table.token($0) }) { return token }
                let name = BadRows.show(ByteAlphabet.text(text))
                throw fault("\(what)\(name) is no token of the vocabulary")
            }
            let (left, right) = (try token(texts[0], ""), try token(texts[1], ""))
            let result = try token(texts[0] + texts[1], "the merged ")
            guard merges.add(left, right, rank: Int32(index), result: result) else {
                throw fault("the same merge came before")
            }
            isMade[Int(result)] = true
        }
        return merges
    }
}

/// The characters that stand for bytes in a published byte-level vocabulary (`bytes_to_unicode` in GPT-2's
/// `encoder.py`): printable ones of Latin-1 for themselves, the others from U+0100 on.
private enum ByteAlphabet {
    /// The character of each byte.
    static let characters: [Unicode.Scalar] = {
        var next: UInt32 = 0x100
        return (0...255).map { (byte: UInt32) in
            let isPrintable = (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174
            if !isPrintable { next += 1 }
            return Unicode.Scalar(isPrintable ? byte : next - 1) ?? "?"
        }
    }()

    private static let values: [Unicode.Scalar: UInt8] = Dictionary(
        uniqueKeysWithValues: zip(characters, 0...255))

    /// The bytes that a token's name stands for; nil where it has another character.
    static func bytes(_ name: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        for scalar in name.unicodeScalars {
            guard let byte = values[scalar] else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    /// A token's name.
    static func text(_ bytes: [UInt8]) -> String {
        var text = String.UnicodeScalarView()
        for byte in bytes { text.append(characters[Int(byte)]) }
        return String(text)
    }
}
