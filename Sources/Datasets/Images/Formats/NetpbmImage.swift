/// PGM and PPM files (Netpbm's `P2`, `P3`, `P5` and `P6`) as pixels of a byte, samples scaled from 0 to the greatest that
/// the file states, and rounded.
enum NetpbmImage {
    /// Whether the bytes begin as such a file does.
    static func isOne(_ bytes: [UInt8]) -> Bool {
        bytes.count > 2 && bytes[0] == UInt8(ascii: "P") && "2356".utf8.contains(bytes[1])
            && (isSpace(bytes[2]) || bytes[2] == UInt8(ascii: "#"))
    }

    /// Decodes a file that ``isOne(_:)``. It must hold one image and nothing behind it.
    static func raster(_ bytes: [UInt8]) throws(DamagedImage) -> ImageRaster {
        let kind = bytes[1]
        let channels = kind == UInt8(ascii: "3") || kind == UInt8(ascii: "6") ? 3 : 1
        let isText = kind == UInt8(ascii: "2") || kind == UInt8(ascii: "3")
        var reader = Reader(bytes: bytes, position: 2)
        let width = try reader.number("width", atMost: ImageRaster.sideLimit)
        let height = try reader.number("height", atMost: ImageRaster.sideLimit)
        try ImageRaster.checkSize(width: width, height: height)
        let greatest = try reader.number("greatest value", atMost: 65_535)
        guard greatest > 0 else { throw .damaged("a greatest value of 0") }
        let count = width * height * channels
        let left: Int
        if isText {
            left = (bytes.count - reader.position) / 2
        } else {
            // One space, then the samples.
            guard reader.position < bytes.count, isSpace(bytes[reader.position]) else {
                throw .damaged("no end")
            }
            reader.position += 1
            left = (bytes.count - reader.position) / (greatest > 255 ? 2 : 1)
        }
        guard count <= left else {
            throw DamagedImage(
                "is truncated: \(width) by \(height) pixels are \(count) values, and it has at most \(left)")
        }
        var pixels = [UInt8](repeating: 0, count: count)
        let plane = width * height
        for place in 0..<count {
            let value =
                try isText ? reader.number("value", atMost: 65_535) : reader.sample(isWide: greatest > 255)
            guard value <= greatest else {
                throw .damaged("a value of \(value), above its greatest, \(greatest)")
            }
            let scaled = greatest == 255 ? value : (value * 255 + greatest / 2) / greatest
            // In the file channels stand side by side.
            pixels[place % channels * plane + place / channels] = UInt8(scaled)
        }
        if isText { reader.skipSpace() }
        guard reader.position == bytes.count else {
            throw .damaged("more behind its last pixel, which is not read")
        }
        return ImageRaster(width: width, height: height, channels: channels, pixels: pixels)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (9...13).contains(byte) }

    private struct Reader {
        let bytes: [UInt8]
        var position: Int

        /// Passes over white space and comments, which reach to their line's end.
        mutating func skipSpace() {
            var isComment = false
            while position < bytes.count {
                let byte = bytes[position]
                if isComment {
                    isComment = byte != 10 && byte != 13
                } else if byte == UInt8(ascii: "#") {
                    isComment = true
                } else if !NetpbmImage.isSpace(byte) {
                    return
                }
                position += 1
            }
        }

        /// The next number in digits; `what` it is, for messages.
        mutating func number(_ what: String, atMost limit: Int) throws(DamagedImage) -> Int {
            skipSpace()
            let start = position
            var value = 0
            while position < bytes.count, (48...57).contains(bytes[position]) {
                value = value * 10 + Int(bytes[position] - 48)
                guard value <= limit else { throw .damaged("a \(what) above \(limit)") }
                position += 1
            }
            guard position > start else { throw .damaged("no number for a \(what)") }
            return value
        }

        /// The next sample of a byte, or of two with the upper one first.
        mutating func sample(isWide: Bool) -> Int {
            defer { position += isWide ? 2 : 1 }
            return isWide ? Int(bytes[position]) << 8 | Int(bytes[position + 1]) : Int(bytes[position])
        }
    }
}
