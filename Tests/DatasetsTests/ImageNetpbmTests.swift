import Compute
import Testing

@testable import Datasets

@Suite struct ImageNetpbmTests {
    /// Both forms of both kinds, at every width of a sample.
    @Test(arguments: [1, 15, 100, 255, 256, 1000, 65_535], [1, 3])
    func readsTextAndBytes(greatest: Int, channels: Int) throws {
        var random = SeededGenerator(seed: UInt64(greatest), purpose: .test)
        let (width, height) = (5, 3)
        let samples = (0..<(width * height * channels)).map { _ in random.index(below: greatest + 1) }
        let expected = (0..<channels).flatMap { channel in
            stride(from: channel, to: samples.count, by: channels).map { place in
                UInt8((Double(samples[place]) * 255 / Double(greatest)).rounded())
            }
        }
        let text = "P\(channels == 1 ? 2 : 3)\n# by hand\n5 3 #sides\n\(greatest)\n"
        let words = samples.map { "\($0)" }.joined(separator: " \n")
        let head = Array("P\(channels == 1 ? 5 : 6) 5\t3\n\(greatest)\n".utf8)
        let bytes = samples.flatMap { greatest > 255 ? [UInt8($0 >> 8), UInt8($0 & 255)] : [UInt8($0)] }
        for file in [Array((text + words).utf8), Array((text + words + "\n# end\n").utf8), head + bytes] {
            let raster = try ImageRaster(file: file)
            #expect(raster.shape == [channels, height, width])
            #expect(raster.pixels == expected)
        }
    }

    @Test(arguments: [
        ("P5 2 2 255\nabc", "is truncated: 2 by 2 pixels are 4 values, and it has at most 3"),
        ("P5 2 2 255\nabcde", "more behind its last pixel"),
        ("P5 2 2 255", "no end"),
        ("P5 2 2 255x", "no end"),
        ("P5 2 2 0\nabcd", "a greatest value of 0"),
        ("P5 2 2 65536\nabcd", "a greatest value above 65535"),
        ("P5 0 2 255\n", "has no pixels: 0 by 2"),
        ("P6 65536 65536 255\n", "is too large: 65536 by 65536 pixels"),
        ("P6 8000 8000 255\nabc", "is truncated: 8000 by 8000 pixels are 192000000 values"),
        ("P5 99999999999999999999 2 255\n", "a width above 65536"),
        ("P5 -2 2 255\nabcd", "no number for a width"),
        ("P2 2 2 9\n1 2 3 10", "a value of 10, above its greatest, 9"),
        ("P2 2 2 9\n1 2 3    ", "no number for a value"),
        ("P2 2 2 9\n1 2 3 x", "no number for a value"),
        ("P2 2 2 9\n1 2 3 4 5", "more behind its last pixel"),
        ("P2 2 2 9\n1 2 3", "is truncated"),
        ("P5 1 1 9\n~", "a value of 126, above its greatest, 9"),
    ])
    func refuses(_ file: String, _ says: String) {
        let message = imageRefusal(Array(file.utf8))
        #expect(message.contains(says), "\(message)")
    }

    /// Cut anywhere, a file is refused, unless only a comment is lost.
    @Test(arguments: [
        "P5 3 2 255\nabcdef",
        "P6 1 2 300\nabcdefghijkl".replacing("abcdefghijkl", with: "\0a\0b\0c\0d\0e\0f"),
    ])
    func refusesEveryCut(_ file: String) {
        let bytes = Array(file.utf8)
        #expect(imageRefusal(bytes).isEmpty)
        for length in 0..<bytes.count { #expect(!imageRefusal(Array(bytes[..<length])).isEmpty, "\(length)") }
    }
}
