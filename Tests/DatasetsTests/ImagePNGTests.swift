import Compute
import Testing

@testable import Datasets

/// The message with which an image's file is refused; empty where it is read.
func imageRefusal(_ bytes: [UInt8]) -> String {
    do throws(DamagedImage) {
        _ = try ImageRaster(file: bytes)
        return ""
    } catch { return error.problem }
}

@Suite struct ImagePNGTests {
    /// Every colour type with every depth that it may have.
    static let kinds = [
        (0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8),
        (4, 16),
        (6, 8), (6, 16),
    ]

    private func image(_ color: Int, _ depth: Int, _ width: Int, _ height: Int) -> PNGWriter {
        var random = SeededGenerator(seed: UInt64(color * 16 + depth), purpose: .test)
        let samples = (0..<(width * height * PNGWriter.samples(of: color))).map { _ in
            random.index(below: 1 << depth)
        }
        var writer = PNGWriter(width: width, height: height, depth: depth, color: color, samples: samples)
        if color == 3 {
            writer.palette = (0..<(3 << depth)).map { _ in UInt8(random.index(below: 256)) }
        }
        return writer
    }

    @Test(arguments: kinds) func readsEveryKindOfPixel(color: Int, depth: Int) throws {
        for (width, height) in [(1, 1), (3, 5), (4, 4), (8, 8), (17, 13), (33, 9)] {
            for isInterlaced in [false, true] {
                var writer = image(color, depth, width, height)
                writer.isInterlaced = isInterlaced
                let raster = try ImageRaster(file: writer.file)
                #expect(raster.shape == [color == 0 || color == 4 ? 1 : 3, height, width])
                #expect(
                    raster.pixels == writer.expected, "\(width) by \(height), interlaced: \(isInterlaced)")
            }
        }
    }

    @Test(arguments: [0, 1, 2, 3, 4] as [UInt8]) func undoesEachFilterAlone(filter: UInt8) throws {
        for (color, depth) in Self.kinds {
            var writer = image(color, depth, 11, 6)
            writer.filters = [filter]
            #expect(try ImageRaster(file: writer.file).pixels == writer.expected, "\(color), \(depth) bits")
        }
    }

    @Test(arguments: PillowFile.allCases) func readsWhatPillowWrites(_ file: PillowFile) throws {
        let raster = try ImageRaster(file: file.bytes)
        #expect((raster.width, raster.height) == (9, 6))
        #expect(raster.pixels == file.expected)
    }

    @Test func joinsPixelsOfManyChunksAndPassesOthersOver() throws {
        let writer = image(2, 8, 7, 5)
        let pieces = writer.data.map { PNGWriter.chunk("IDAT", [$0]) }
        let file = PNGWriter.file(
            [writer.header, PNGWriter.chunk("gAMA", [0, 0, 0, 1]), PNGWriter.chunk("PLTE", [1, 2, 3])]
                + pieces
                + [PNGWriter.chunk("tEXt", Array("a\0b".utf8)), PNGWriter.end])
        #expect(try ImageRaster(file: file).pixels == writer.expected)
    }

    @Test func convertsAsPillowDoes() throws {
        // Luma of pure and of mixed colours, rounded in 16 bits of fraction.
        let colors: [(UInt8, UInt8, UInt8)] = [
            (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (10, 20, 30),
        ]
        let pixels = colors.map(\.0) + colors.map(\.1) + colors.map(\.2)
        let raster = ImageRaster(width: 5, height: 1, channels: 3, pixels: pixels)
        #expect(raster.converted(to: 1).pixels == [76, 150, 29, 255, 18])
        #expect(raster.converted(to: 3).pixels == pixels)
        let grey = ImageRaster(width: 2, height: 1, channels: 1, pixels: [3, 4])
        #expect(grey.converted(to: 3).pixels == [3, 4, 3, 4, 3, 4])
        #expect(grey.converted(to: 3).shape == [3, 1, 2])
    }

    /// No file that is cut off is read, and none of which a bit is another.
    @Test(arguments: PillowFile.allCases) func refusesEveryCutAndEveryFlippedBit(_ file: PillowFile) {
        let good = file.bytes
        for length in 0..<good.count {
            #expect(!imageRefusal(Array(good[..<length])).isEmpty, "cut at \(length)")
        }
        for bit in 0..<(8 * good.count) {
            var bytes = good
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!imageRefusal(bytes).isEmpty, "bit \(bit)")
        }
    }

    /// Files whose sums are right and whose chunks are not.
    @Test func refusesChunksThatCannotBe() {
        let writer = image(3, 2, 5, 4)
        let (header, palette) = (writer.header, writer.paletteChunk)
        let data = PNGWriter.chunk("IDAT", writer.data)
        let end = PNGWriter.end
        let grey = image(0, 8, 5, 4)
        let colored = image(2, 8, 5, 4)
        func bad(_ chunks: [UInt8]..., says: String) {
            #expect(imageRefusal(PNGWriter.file(chunks)).contains(says), "\(says)")
        }
        func chunk(_ type: String, _ count: Int) -> [UInt8] {
            PNGWriter.chunk(type, [UInt8](repeating: 0, count: count))
        }
        #expect(imageRefusal(PNGWriter.file([header, palette, chunk("tRNS", 4), data, end])).isEmpty)
        bad(header, data, end, says: "no palette before its pixels")
        bad(header, data, palette, end, says: "no palette before its pixels")
        bad(palette, header, data, end, says: "no header at its start")
        bad(header, header, palette, data, end, says: "two headers")
        bad(header, palette, palette, data, end, says: "a palette out of place")
        bad(header, palette, end, says: "no pixels")
        bad(header, palette, data, says: "no end")
        bad(header, palette, data, PNGWriter.chunk("IEND", [0]), says: "an end that is not empty")
        bad(header, palette, data, chunk("tIME", 7), data, end, says: "pixels in two places")
        bad(header, palette, chunk("ABCD", 0), data, end, says: "a chunk ABCD, which is not known")
        bad(header, palette, PNGWriter.chunk("a b.", []), data, end, says: "a chunk without a name")
        bad(header, chunk("PLTE", 15), data, end, says: "a palette of 15 bytes")
        bad(header, chunk("PLTE", 4), data, end, says: "a palette of 4 bytes")
        bad(header, chunk("PLTE", 0), data, end, says: "a palette of 0 bytes")
        bad(header, palette, chunk("tRNS", 5), data, end, says: "a transparency of 5 bytes")
        bad(header, chunk("tRNS", 1), palette, data, end, says: "a transparency of 1 bytes")
        bad(
            header, palette, chunk("tRNS", 1), chunk("tRNS", 1), data, end,
            says: "a transparency out of place")
        bad(grey.header, chunk("PLTE", 3), data, end, says: "a palette for grey")
        bad(grey.header, chunk("tRNS", 3), data, end, says: "a transparency of 3 bytes")
        bad(
            colored.header, PNGWriter.chunk("IDAT", colored.data), chunk("PLTE", 3), end,
            says: "a palette out of place")
        bad(image(6, 8, 1, 1).header, chunk("tRNS", 8), data, end, says: "a transparency of 8 bytes")
        bad(chunk("IHDR", 12), data, end, says: "a header of 12 bytes")
    }

    @Test(
        arguments: [
            ([0, 0, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0], "has no pixels: 0 by 1"),
            ([0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 8, 0, 0, 0, 0], "is too large: 1 by 4294967295 pixels"),
            ([0, 0, 0x40, 0, 0, 0, 0x40, 0, 8, 2, 0, 0, 0], "is too large: 16384 by 16384 pixels"),
            ([0, 0, 0, 1, 0, 0, 0, 1, 3, 0, 0, 0, 0], "colour type 0, 3 bits"),
            ([0, 0, 0, 1, 0, 0, 0, 1, 4, 2, 0, 0, 0], "colour type 2, 4 bits"),
            ([0, 0, 0, 1, 0, 0, 0, 1, 16, 3, 0, 0, 0], "colour type 3, 16 bits"),
            ([0, 0, 0, 1, 0, 0, 0, 1, 8, 5, 0, 0, 0], "colour type 5, 8 bits"),
            ([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 1, 0, 0], "method that is not known"),
            ([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 1, 0], "method that is not known"),
            ([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 2], "method that is not known"),
            // As much as may be, with too few bytes for it: nothing is made room for.
            ([0, 0, 0x20, 0, 0, 0, 0x20, 0, 16, 6, 0, 0, 0], "in its pixels no end"),
        ] as [([UInt8], String)])
    func refusesHeadersThatCannotBe(_ header: [UInt8], _ says: String) {
        let data = PNGWriter.chunk("IDAT", PNGWriter.zlib([0, 0]))
        let message = imageRefusal(PNGWriter.file([PNGWriter.chunk("IHDR", header), data, PNGWriter.end]))
        #expect(message.contains(says), "\(message)")
    }

    @Test func refusesDataThatCannotBe() {
        let writer = image(3, 2, 5, 4)
        func bad(_ data: [UInt8], _ writer: PNGWriter, says: String) {
            let chunks = [writer.header, writer.paletteChunk, PNGWriter.chunk("IDAT", data), PNGWriter.end]
            let message = imageRefusal(PNGWriter.file(chunks.filter { !$0.isEmpty }))
            #expect(message.contains(says), "\(says), not \(message)")
        }
        let rows = writer.rows
        bad(PNGWriter.zlib(rows + [0]), writer, says: "more than its size")
        bad(PNGWriter.zlib(rows + [UInt8](repeating: 0, count: 9999)), writer, says: "more than its size")
        bad(PNGWriter.zlib(rows.dropLast()), writer, says: "less than its size")
        bad(writer.data + [0], writer, says: "bytes behind its end")
        bad(writer.data.dropLast(), writer, says: "no end")
        bad(writer.data.dropLast() + [writer.data.last.map { $0 ^ 1 } ?? 0], writer, says: "another checksum")
        bad([0x79] + writer.data.dropFirst(), writer, says: "a header of another format")
        bad([0x78, 0x02] + writer.data.dropFirst(2), writer, says: "a header of another format")
        bad([0x78, 0x20] + writer.data.dropFirst(2), writer, says: "a header of another format")
        bad([0x78], writer, says: "no end")
        bad(PNGWriter.zlib([5] + rows.dropFirst()), writer, says: "a row of no known filter")
        var short = writer
        short.palette = [1, 2, 3]
        short.samples[7] = 1
        bad(short.data, short, says: "of colour")
    }

    @Test func refusesWhatIsNoImage() {
        #expect(imageRefusal([]) == "is empty")
        #expect(imageRefusal([0xFF, 0xD8, 0xFF]).contains("neither a PNG nor"))
        #expect(imageRefusal(Array("P4 1 1\n".utf8)).contains("neither a PNG nor"))
    }

    /// The sums of "Wikipedia" and of more bytes than the inner loop takes at once.
    @Test func sumsAsAdlerDoes() {
        #expect(Zlib.adler32(Array("Wikipedia".utf8)) == 0x11E6_0398)
        #expect(Zlib.adler32([]) == 1)
        let many = [UInt8](repeating: 255, count: 20_000)
        let low = (1 + 255 * 20_000) % 65_521
        let high = (20_000 + 255 * 20_000 * 20_001 / 2) % 65_521
        #expect(Zlib.adler32(many) == UInt32(high << 16 | low))
    }
}
