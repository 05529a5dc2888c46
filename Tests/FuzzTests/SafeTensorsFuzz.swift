// Fuzzes the safetensors reader. Built by Tests/Fuzz/run and by nothing else.

@testable import Messages

/// What is read can be written and read again, to the same tensors; nothing received traps.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSafeTensors(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard let file = try? SafeTensors(decoding: UnsafeRawBufferPointer(start: data, count: count)) else {
        return 0
    }
    let again = file.encoded()
    guard let back = try? again.withUnsafeBytes({ try SafeTensors(decoding: $0) }) else {
        preconditionFailure("what was written cannot be read")
    }
    precondition(back.metadata == file.metadata && back.tensors.count == file.tensors.count, "changed")
    for tensor in file.tensors {
        guard let other = back.tensors.first(where: { $0.name == tensor.name }) else {
            preconditionFailure("a tensor is gone")
        }
        precondition(other.shape == tensor.shape, "a shape changed")
        // By bits: a NaN is equal to nothing.
        precondition(other.values.map(\.bitPattern) == tensor.values.map(\.bitPattern), "values changed")
    }
    return 0
}
