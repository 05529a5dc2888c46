// The standard library decomposes text, but offers it to swift-foundation only (`_nfc`, `_nfd`); ICU would be the
// alternative, with 30 MB of data beside a program that needs none of it.
@_spi(_Unicode) import Swift

/// BERT's basic tokeniser: what a word is and how it is written before it becomes pieces (`BasicTokenizer` in Google's
/// `tokenization.py`, with the NFC of `transformers`).
enum WordNormalizer {
    /// The first word of the text in `range`: up to white space, which it is empty at; an ideograph is a word.
    /// Its end is where the next one is looked for.
    static func word(
        _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
    ) -> (word: Range<Int>, next: Int) {
        var reader = UTF8Reader(text, range)
        while true {
            let place = reader.position
            guard let scalar = reader.next() else { return (range.lowerBound..<place, place) }
            if isSpace(scalar) { return (range.lowerBound..<place, reader.position) }
            if isIdeograph(scalar) {
                if place > range.lowerBound { return (range.lowerBound..<place, place) }
                return (place..<reader.position, reader.position)
            }
        }
    }

    /// Writes a word as the vocabulary knows it behind what `result` holds: without control characters, composed
    /// (NFC) or, where `lowercase`, in small letters without accents.
    static func write(_ word: UnsafeBufferPointer<UInt8>, lowercase: Bool, to result: inout [UInt8]) {
        guard word.allSatisfy({ $0 < 0x80 }) else { return writeUnicode(word, lowercase, &result) }
        for byte in word where byte > 0x1F && byte != 0x7F {
            let isCapital = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
            result.append(lowercase && isCapital ? byte | 0x20 : byte)
        }
    }

    /// Whether a character is a word of its own within a word.
    static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            // All that is printable and neither letter nor digit, also what Unicode calls a symbol.
            let small = scalar.value | 0x20
            return scalar.value > 0x20 && scalar.value < 0x7F && !(0x61...0x7A).contains(small)
                && !(0x30...0x39).contains(scalar.value)
        }
        switch scalar.properties.generalCategory {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
            .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            return true
        default: return false
        }
    }

    private static func writeUnicode(
        _ word: UnsafeBufferPointer<UInt8>, _ lowercase: Bool, _ result: inout [UInt8]
    ) {
        var kept: [Unicode.Scalar] = []
        var reader = UTF8Reader(word)
        while let scalar = reader.next() {
            if !isRemoved(scalar) { kept.append(scalar) }
        }
        guard lowercase else { return compose(kept, &result) }
        // The published code composes first, which decomposing here undoes.
        for scalar in String(small(kept))._nfd
        where scalar.properties.generalCategory != .nonspacingMark {
            result += UTF8.encode(scalar) ?? .init()
        }
    }

    /// Writes the composed form, piece by piece: composing takes the square of a word's length where it is all marks.
    /// A piece ends before an ASCII character, which composes with nothing before it; in its absence, which is no
    /// word of a language, anywhere.
    private static func compose(_ scalars: [Unicode.Scalar], _ result: inout [UInt8]) {
        var start = 0
        while start < scalars.count {
            var end = min(scalars.count, start + longestPiece)
            if end < scalars.count, let ascii = scalars[(start + 1)..<end].lastIndex(where: \.isASCII) {
                end = ascii
            }
            var piece = String.UnicodeScalarView()
            piece.append(contentsOf: scalars[start..<end])
            for scalar in String(piece)._nfc { result += UTF8.encode(scalar) ?? .init() }
            start = end
        }
    }

    /// Most characters that are composed at once.
    private static let longestPiece = 256

    /// Small letters as Unicode's default mapping has them, a sigma at a word's end in its final form (Unicode 16,
    /// section 3.13, table 3-17), which `String.lowercased()` leaves out.
    private static func small(_ scalars: [Unicode.Scalar]) -> String.UnicodeScalarView {
        var result = String.UnicodeScalarView()
        for (place, scalar) in scalars.enumerated() {
            if scalar == "\u{03A3}" {
                let before = scalars[..<place].last { !$0.properties.isCaseIgnorable }
                let after = scalars[(place + 1)...].first { !$0.properties.isCaseIgnorable }
                let isFinal = (before?.properties.isCased ?? false) && !(after?.properties.isCased ?? false)
                result.append(isFinal ? "\u{03C2}" : "\u{03C3}")
            } else {
                result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            }
        }
        return result
    }

    /// What is no part of a text: U+FFFD and characters of the categories C*, but for those that are white space.
    private static func isRemoved(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == "\u{FFFD}" { return true }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned: return true
        default: return false
        }
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            return scalar == " " || scalar == "\n" || scalar == "\t" || scalar == "\r"
        }
        switch scalar.properties.generalCategory {
        case .spaceSeparator, .lineSeparator, .paragraphSeparator: return true
        default: return false
        }
    }

    /// The blocks that the published code calls Chinese characters.
    private static func isIdeograph(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x3400: false
        case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x2A6DF, 0x2A700...0x2CEAF,
            0x2F800...0x2FA1F:
            true
        default: false
        }
    }
}
