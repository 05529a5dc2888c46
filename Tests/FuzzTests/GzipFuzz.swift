// Fuzzes the reader of gzip files. Built by Tests/Fuzz/run and by nothing else.

import Configuration

@testable import Datasets

/// Most bytes that an input may become.
private let limit = 1 << 20

/// Whatever the bytes, content within the limit or an error.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzGzip(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    if let content = try? Gzip.decompress(bytes, path: "fuzz", limit: limit) {
        precondition(content.count <= limit, "more than the limit")
    }
    return 0
}
