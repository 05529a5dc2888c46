import Foundation
import TestSupport
import Testing

@testable import Datasets

@Suite struct TextNormalizerTests {
    private func written(_ word: String, lowercase: Bool) -> String {
        var (result, word) = ([UInt8](), word)
        word.withUTF8 { WordNormalizer.write($0, lowercase: lowercase, to: &result) }
        return String(decoding: result, as: UTF8.self)
    }

    /// Letters with marks, composed or not, in words shorter and longer than what is composed at once. A whole Hangul
    /// syllable is not among them: Foundation leaves one apart from a final that follows it.
    @Test(arguments: [1, 2, 30, 255, 256, 257, 600, 2000], 0..<4)
    func wordsAreComposedOrStripped(_ count: Int, _ seed: UInt64) {
        var numbers = SeededNumbers(seed: seed)
        let letters: [UInt32] = [
            0x61, 0x65, 0x4F, 0x5A, 0xC5, 0xE9, 0x391, 0x3C9, 0x439, 0x1112, 0x1161, 0x11AB,
        ]
        let marks: [UInt32] = [0x301, 0x308, 0x323, 0x327, 0x345, 0x338]
        var word = String.UnicodeScalarView()
        for _ in 0..<count {
            let isMark = Bool.random(using: &numbers)
            let value = (isMark ? marks : letters).randomElement(using: &numbers)
            if let scalar = value.flatMap({ Unicode.Scalar($0) }) { word.append(scalar) }
        }
        let text = String(word)
        let composed = text.precomposedStringWithCanonicalMapping
        #expect(Array(written(text, lowercase: false).utf8) == Array(composed.utf8))
        let plain = text.lowercased().decomposedStringWithCanonicalMapping.unicodeScalars.filter {
            $0.properties.generalCategory != .nonspacingMark
        }
        #expect(Array(written(text, lowercase: true).utf8) == Array(String(plain).utf8))
    }

    @Test(arguments: [
        ("ΟΔΟΣ", "οδος"), ("ΟΔΟΣΑ", "οδοσα"), ("Σ", "σ"), ("ΑΣ'", "ας'"), ("ΑΣ'Α", "ασ'α"), ("'Σ", "'σ"),
        ("ΑΣ\u{301}", "ας"), ("ΣΣ", "σς"), ("İ", "i"), ("Straße", "straße"), ("ﬀ", "ﬀ"), ("½", "½"),
        ("a\u{200D}b\u{0}c\u{FFFD}", "abc"), ("A\u{7F}B\u{1F}", "ab"),
    ])
    func lettersBecomeSmall(_ word: String, _ expected: String) {
        #expect(Array(written(word, lowercase: true).utf8) == Array(expected.utf8))
    }
}
