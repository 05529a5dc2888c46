// Fuzzes the reader of gzip files. Run by FuzzDriverTests, and with libFuzzer by Tests/Fuzz/run.

import Configuration

@testable import Datasets

/// Most bytes that an input may become.
private let limit = 1 << 20

enum GzipFuzz {
    /// Whatever the bytes, content within the limit or an error.
    static func run(_ input: UnsafeRawBufferPointer) {
        let bytes = Array(input)
        if let content = try? Gzip.decompress(bytes, path: "fuzz", limit: limit) {
            precondition(content.count <= limit, "more than the limit")
        }
    }
}
