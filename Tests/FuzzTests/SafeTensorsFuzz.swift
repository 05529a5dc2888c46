// Fuzzes the safetensors reader. Run by FuzzDriverTests, and with libFuzzer by Tests/Fuzz/run.

@testable import Messages

enum SafeTensorsFuzz {
    /// What is read can be written and read again, to the same tensors; nothing received traps.
    static func run(_ input: UnsafeRawBufferPointer) {
        guard let file = try? SafeTensors(decoding: input) else {
            return
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
    }
}
