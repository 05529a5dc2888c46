// Fuzzes the readers of PNG, PGM and PPM files. Run by FuzzDriverTests, and with libFuzzer by Tests/Fuzz/run.

@testable import Datasets

/// A chunk with the sum that it needs.
private func chunk(_ type: [UInt8], _ body: some Collection<UInt8>) -> [UInt8] {
    var sum = Checksum()
    let named = type + body
    named.withUnsafeBytes { sum.add($0) }
    return word(UInt32(body.count)) + named + word(sum.value)
}

private func word(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
}

/// The same file with each chunk's sum set right, so that what stands behind the sums is reached.
private func summed(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var rest = bytes.dropFirst(8)
    var file = PNGChunks.signature
    while rest.count >= 12 {
        let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        guard length <= rest.count - 12 else { break }
        let body = rest.dropFirst(8).prefix(length)
        file += chunk(Array(rest.dropFirst(4).prefix(4)), body)
        rest = rest.dropFirst(12 + length)
    }
    return file + rest
}

/// A file of a header, a palette and rows: the first byte says how many bytes the palette has, 13 more are the header.
private func built(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    let palette = bytes.dropFirst(14).prefix(Int(bytes.first ?? 0))
    let rows = bytes.dropFirst(14 + palette.count)
    var data: [UInt8] = [0x78, 0x01]
    let length = [UInt8(rows.count & 0xFF), UInt8(rows.count >> 8)]
    data += [1] + length + length.map { ~$0 } + rows + word(Zlib.adler32(Array(rows)))
    return PNGChunks.signature + chunk(Array("IHDR".utf8), bytes.dropFirst().prefix(13))
        + (palette.isEmpty ? [] : chunk(Array("PLTE".utf8), palette))
        + chunk(Array("IDAT".utf8), data) + chunk(Array("IEND".utf8), [])
}

enum ImageFuzz {
    /// The first byte says whether the others are a file, one whose sums are set right, or what one is built of. Whatever
    /// they are, an image with all its pixels or an error.
    static func run(_ input: UnsafeRawBufferPointer) {
        let bytes = Array(input)
        guard let mode = bytes.first else { return }
        let rest = bytes.dropFirst()
        let file = mode % 3 == 0 ? Array(rest) : mode % 3 == 1 ? summed(rest) : built(rest)
        guard let image = try? ImageRaster(file: file) else { return }
        precondition([1, 3].contains(image.channels), "channels of no kind")
        for channels in [1, 3] {
            let converted = image.converted(to: channels)
            precondition(
                converted.pixels.count == channels * image.width * image.height, "pixels of another image")
        }
    }
}
