/// A token for each byte of the text.
package struct ByteTokenizer: Tokenizer {
    package static let kind = "byte"

    package init(_ options: TokenizerOptions, folder: String) {}

    package var vocabularySize: Int { 256 }
    package var schema: TokenizerSchema { TokenizerSchema(kind: Self.kind, size: vocabularySize) }

    package func append(
        _ text: UnsafeBufferPointer<UInt8>, to tokens: inout [Int32], cache: inout WordCache
    ) {
        tokens.reserveCapacity(tokens.count + text.count)
        for byte in text { tokens.append(Int32(byte)) }
    }

    package func decode(_ tokens: [Int32]) -> String {
        String(decoding: tokens.compactMap { UInt8(exactly: $0) }, as: UTF8.self)
    }
}
