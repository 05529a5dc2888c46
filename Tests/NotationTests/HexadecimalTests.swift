import Notation
import Testing

@Suite struct HexadecimalTests {
    @Test func everyByteIsWrittenAndReadBack() {
        let bytes = (0...255).map(UInt8.init)
        let text = Hexadecimal.text(of: bytes)
        #expect(text.hasPrefix("000102") && text.hasSuffix("fdfeff") && text.utf8.count == 512)
        #expect(Hexadecimal.bytes(of: text) == bytes && Hexadecimal.bytes(of: text, count: 256) == bytes)
        for byte in bytes {
            let digits = String(byte, radix: 16)
            #expect(Hexadecimal.text(of: [byte]) == (digits.count == 1 ? "0" + digits : digits))
        }
    }

    @Test(arguments: ["0", "0g", "A0", "a", "00 ", " 00", "+1", "-1", "0x", "é", "00\n", "\u{0660}0"])
    func whatIsNoTwoLowerCaseDigitsAByteIsRefused(_ text: String) {
        #expect(Hexadecimal.bytes(of: text) == nil && !Hexadecimal.isText(text, ofBytes: text.utf8.count / 2))
    }

    @Test func theNumberOfBytesIsHeldTo() {
        #expect(Hexadecimal.bytes(of: "") == [] && Hexadecimal.bytes(of: "", count: 0) == [])
        #expect(Hexadecimal.bytes(of: "00ff", count: 2) == [0, 255])
        #expect(
            Hexadecimal.bytes(of: "00ff", count: 1) == nil && Hexadecimal.bytes(of: "00ff", count: 3) == nil)
        #expect(Hexadecimal.isText("00ff", ofBytes: 2) && !Hexadecimal.isText("00ff", ofBytes: 1))
    }
}

@Suite struct JSONTextTests {
    @Test(arguments: [
        ("", #""""#), ("a", #""a""#), (#"a"b\c"#, #""a\"b\\c""#),
        ("\n\t\u{1F}\u{0}", #""\u000a\u0009\u001f\u0000""#),
        ("\u{7F}é😀/", "\"\u{7F}é😀/\""),
    ]) func textIsQuotedInOneWay(_ text: String, _ quoted: String) {
        #expect(JSONText.quoted(text) == quoted)
    }
}
