/// Cuts text into the words that GPT-2 merges within (Radford et al. 2019, `encoder.py` of the published code).
///
/// The words are the matches of
/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`, found by hand: a general engine
/// takes a hundred times as long.
struct BytePairWords {
    private enum Kind: UInt8 { case letter, number, space, other }

    private let text: UnsafeBufferPointer<UInt8>
    private var position: Int
    private let end: Int

    init(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
        (self.text, position, end) = (text, range.lowerBound, range.upperBound)
    }

    /// The next word's bytes, never none, or nil at the end. Words lie end to end.
    mutating func next() -> Range<Int>? {
        guard position < end else { return nil }
        let start = position
        if let suffix = contraction(at: start) {
            position += suffix
            return start..<position
        }
        var place = start
        var kind = Self.kind(text, end, &place)
        if kind == .space {
            // One blank belongs to the word behind it.
            if text[start] == 0x20, place < end {
                var after = place
                let next = Self.kind(text, end, &after)
                if next != .space {
                    (kind, place) = (next, after)
                    return finish(start, run(of: kind, from: place))
                }
            }
            return finish(start, spaces(from: start, second: place))
        }
        return finish(start, run(of: kind, from: place))
    }

    private mutating func finish(_ start: Int, _ place: Int) -> Range<Int> {
        position = place
        return start..<place
    }

    /// Where characters of this kind end that begin at `place`.
    private func run(of kind: Kind, from place: Int) -> Int {
        var place = place
        while place < end {
            var after = place
            guard Self.kind(text, end, &after) == kind else { break }
            place = after
        }
        return place
    }

    /// Where white space ends that begins at `start`, its second character at `second`: before the last character
    /// where a word follows, which may take it along, but never before the first.
    private func spaces(from start: Int, second: Int) -> Int {
        var (last, place) = (start, second)
        while place < end {
            var after = place
            guard Self.kind(text, end, &after) == .space else { return last > start ? last : place }
            (last, place) = (place, after)
        }
        return place
    }

    /// The number of bytes of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` at this place, or nil.
    private func contraction(at place: Int) -> Int? {
        guard text[place] == UInt8(ascii: "'"), place + 1 < end else { return nil }
        switch text[place + 1] {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return 2
        case UInt8(ascii: "r"), UInt8(ascii: "v"):
            return place + 2 < end && text[place + 2] == UInt8(ascii: "e") ? 3 : nil
        case UInt8(ascii: "l"): return place + 2 < end && text[place + 2] == UInt8(ascii: "l") ? 3 : nil
        default: return nil
        }
    }

    /// The kind of the character at `place`, which moves behind it.
    private static func kind(_ text: UnsafeBufferPointer<UInt8>, _ end: Int, _ place: inout Int) -> Kind {
        let byte = text[place]
        if byte < 0x80 {
            place += 1
            let small = byte | 0x20
            if small >= UInt8(ascii: "a") && small <= UInt8(ascii: "z") { return .letter }
            if byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") { return .number }
            return byte == 0x20 || (byte >= 9 && byte <= 13) ? .space : .other
        }
        var reader = UTF8Reader(text, place..<end)
        guard let scalar = reader.next() else { return .other }
        place = reader.position
        return kind(scalar)
    }

    private static func kind(_ scalar: Unicode.Scalar) -> Kind {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: .letter
        case .decimalNumber, .letterNumber, .otherNumber: .number
        default: scalar.properties.isWhitespace ? .space : .other
        }
    }
}
