/// A PNG file (ISO/IEC 15948) as pixels of a byte: every colour type, depth, filter and the interlace.
///
/// Samples of fewer than 8 bits are scaled to the whole range, of those of 16 bits the upper byte is taken, and palettes
/// are looked up. Alpha and what is marked transparent are dropped and gamma and profiles passed over, so that colours
/// are what is stored: as Pillow's `convert("RGB")` and `convert("L")` give them, but for grey of 16 bits, which Pillow
/// cuts off at 255.
struct PNGImage {
    let raster: ImageRaster

    /// Whether the bytes begin as a PNG file does.
    static func isOne(_ bytes: [UInt8]) -> Bool { bytes.starts(with: PNGChunks.signature) }

    /// Decodes a file that ``isOne(_:)``.
    init(_ bytes: [UInt8]) throws(DamagedImage) {
        let chunks = try PNGChunks(bytes)
        let header = chunks.header
        let passes = PNGPass.passes(of: header)
        var rows: [UInt8]
        do throws(DamagedStream) {
            rows = try Zlib.decompress(chunks.data, size: passes.reduce(0) { $0 + $1.byteCount })
        } catch {
            throw .damaged("in its pixels \(error.problem)")
        }
        let (pixelBytes, size) = (max(1, header.pixelBits / 8), header.width * header.height)
        let isGrey = header.color == .grey || header.color == .greyAlpha
        let channels = isGrey ? 1 : 3
        let writer = PNGPixelWriter(header: header, palette: chunks.palette)
        var problem: DamagedImage?
        let pixels = [UInt8](unsafeUninitializedCapacity: channels * size) { output, filled in
            output.initialize(repeating: 0)
            rows.withUnsafeMutableBufferPointer { rows in
                guard var row = rows.baseAddress, let output = output.baseAddress else { return }
                for pass in passes {
                    do throws(DamagedImage) {
                        try PNGFilter.undo(
                            row, rows: pass.height, rowBytes: pass.rowBytes, pixelBytes: pixelBytes)
                        try writer.write(pass, row, to: output)
                    } catch {
                        problem = error
                        return
                    }
                    row += pass.byteCount
                }
            }
            filled = channels * size
        }
        if let problem { throw problem }
        raster = ImageRaster(width: header.width, height: header.height, channels: channels, pixels: pixels)
    }
}

/// One pass over an image: every pixel where it is not interlaced, else one of the seven of Adam7 (section 8.2).
struct PNGPass {
    /// Places of the first pixel, and from one pixel to the next.
    let left: Int
    let top: Int
    let right: Int
    let down: Int
    /// Pixels of the pass.
    let width: Int
    let height: Int
    /// Bytes of one of its rows, without the filter's.
    let rowBytes: Int

    /// Bytes of the pass, each row with its filter's.
    var byteCount: Int { height * (rowBytes + 1) }

    /// The passes of an image that have pixels.
    static func passes(of header: PNGChunks.Header) -> [PNGPass] {
        let steps =
            header.isInterlaced
            ? [
                (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                (0, 1, 1, 2),
            ] : [(0, 0, 1, 1)]
        return steps.compactMap { left, top, right, down in
            let width = (header.width - left + right - 1) / right
            let height = (header.height - top + down - 1) / down
            guard width > 0, height > 0 else { return nil }
            return PNGPass(
                left: left, top: top, right: right, down: down, width: width, height: height,
                rowBytes: (width * header.pixelBits + 7) / 8)
        }
    }
}

/// Where the pixels of unfiltered rows go.
struct PNGPixelWriter {
    let header: PNGChunks.Header
    /// Three bytes a colour.
    let palette: [UInt8]

    /// Writes a pass whose filters are undone, at `rows`, to `output` ([channels, height, width]). Throws where a pixel
    /// has a colour that the palette lacks.
    func write(
        _ pass: PNGPass, _ rows: UnsafePointer<UInt8>, to output: UnsafeMutablePointer<UInt8>
    ) throws(DamagedImage) {
        for row in 0..<pass.height {
            let source = rows + row * (pass.rowBytes + 1) + 1
            let target = output + (pass.top + row * pass.down) * header.width + pass.left
            switch (header.color, header.depth) {
            case (.palette, _): try writeColors(pass, source, to: target)
            case (_, ..<8): writeBits(pass, source, to: target)
            default: writeBytes(pass, source, to: target)
            }
        }
    }

    /// The colours of the palette at the places that a row's samples name.
    private func writeColors(
        _ pass: PNGPass, _ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>
    ) throws(DamagedImage) {
        let (plane, count) = (header.width * header.height, palette.count / 3)
        for column in 0..<pass.width {
            let index = sample(source, column)
            guard index < count else {
                throw .damaged("a pixel of colour \(index), but only \(count) colours")
            }
            for channel in 0..<3 {
                target[channel &* plane &+ column &* pass.right] = palette[3 &* index &+ channel]
            }
        }
    }

    /// Grey of fewer than 8 bits a sample.
    private func writeBits(
        _ pass: PNGPass, _ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>
    ) {
        // 255, 85 or 17: the greatest sample becomes 255.
        let scale = 255 / (1 << header.depth - 1)
        for column in 0..<pass.width {
            target[column &* pass.right] = UInt8(truncatingIfNeeded: sample(source, column) &* scale)
        }
    }

    /// Samples of a whole byte, or of two, the upper one first.
    private func writeBytes(
        _ pass: PNGPass, _ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>
    ) {
        let (plane, step) = (header.width * header.height, header.pixelBits / 8)
        let channels = header.color.samples < 3 ? 1 : 3
        for channel in 0..<channels {
            let from = source + channel * header.depth / 8
            let to = target + channel * plane
            for column in 0..<pass.width { to[column &* pass.right] = from[column &* step] }
        }
    }

    /// A sample of at most 8 bits; the first of a byte stands highest.
    private func sample(_ source: UnsafePointer<UInt8>, _ column: Int) -> Int {
        let bit = column &* header.depth
        let byte = Int(source[bit >> 3])
        return byte >> (8 &- header.depth &- bit & 7) & (1 << header.depth &- 1)
    }
}
