// Fuzzes the reader of configurations. Run by FuzzDriverTests, and with libFuzzer by Tests/Fuzz/run.

internal import Foundation

@testable import Configuration

enum JSON5Fuzz {
    /// A text is read, or refused in one line with a place in it. What is read can be printed and read again, to the same
    /// kind of value: a large number without a fraction comes back as a whole one, which then stays. Foundation's reader of
    /// strict JSON finds nothing wrong with what is printed.
    static func run(_ input: UnsafeRawBufferPointer) {
        let bytes = Array(input)
        let value: JSONValue
        do {
            value = try JSONValue(json5: bytes, source: "fuzz")
        } catch {
            let said = "\(error)"
            precondition(
                said.hasPrefix("fuzz: line ") || said == "fuzz: is not UTF-8 text", "no place: \(said)")
            precondition(
                said.utf8.count < 1000 && said.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "unfit: \(said)")
            return
        }
        for isIndented in [false, true] {
            let text = value.text(indented: isIndented)
            guard let back = try? JSONValue(json5: text.utf8, source: "fuzz") else {
                preconditionFailure("what was printed cannot be read: \(text)")
            }
            precondition(back.kind == value.kind, "changed on the way: \(text)")
            precondition(
                (try? JSONValue(json5: back.text().utf8, source: "fuzz")) == back, "changed again: \(text)")
            precondition(
                (try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)) != nil,
                "no JSON: \(text)")
        }
    }
}
