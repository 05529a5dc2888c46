// Fuzzes the reader of configurations. Built by Tests/Fuzz/run and by nothing else.

@testable import Configuration

/// What is read can be printed and read again, to the same kind of value. The value itself may change its form: a
/// large number without a fraction comes back as a whole one.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSON5(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard let value = try? JSONValue(json5: bytes, source: "fuzz") else { return 0 }
    for isIndented in [false, true] {
        let text = value.text(indented: isIndented)
        guard let back = try? JSONValue(json5: text.utf8, source: "fuzz") else {
            preconditionFailure("what was printed cannot be read: \(text)")
        }
        precondition(back.kind == value.kind, "changed on the way: \(text)")
    }
    return 0
}
