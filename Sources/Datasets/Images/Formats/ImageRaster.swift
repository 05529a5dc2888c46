/// One decoded image: bytes, channel after channel, each row after row from the top.
struct ImageRaster {
    let width: Int
    let height: Int
    /// 1 (grey) or 3 (red, green, blue).
    let channels: Int
    /// [channels, height, width].
    let pixels: [UInt8]

    /// Most pixels on a side, and of an image.
    static let sideLimit = 1 << 16
    static let pixelLimit = 1 << 26
    /// Most bytes of an image's file.
    static let fileLimit = 1 << 30

    /// The channels' shape.
    var shape: [Int] { [channels, height, width] }

    /// The image in so many channels, 1 or 3: grey stands three times, and colours become their luma (ITU-R BT.601)
    /// in 16 bits of fraction, as Pillow's `convert("L")` gives it.
    func converted(to wanted: Int) -> ImageRaster {
        guard wanted != channels else { return self }
        if wanted == 3 {
            return ImageRaster(width: width, height: height, channels: 3, pixels: pixels + pixels + pixels)
        }
        let plane = width * height
        let grey = [UInt8](unsafeUninitializedCapacity: plane) { grey, filled in
            pixels.withUnsafeBufferPointer { pixels in
                for place in 0..<plane {
                    let red = 19_595 &* UInt32(pixels[place])
                    let green = 38_470 &* UInt32(pixels[plane &+ place])
                    let blue = 7_471 &* UInt32(pixels[2 &* plane &+ place])
                    grey[place] = UInt8(truncatingIfNeeded: (red &+ green &+ blue &+ 0x8000) >> 16)
                }
            }
            filled = plane
        }
        return ImageRaster(width: width, height: height, channels: 1, pixels: grey)
    }

    /// Decodes a PNG, PGM or PPM file, told by its first bytes. Throws what is wrong with it.
    init(file bytes: [UInt8]) throws(DamagedImage) {
        if PNGImage.isOne(bytes) {
            self = try PNGImage(bytes).raster
        } else if NetpbmImage.isOne(bytes) {
            self = try NetpbmImage.raster(bytes)
        } else if bytes.isEmpty {
            throw DamagedImage("is empty")
        } else {
            throw DamagedImage("is neither a PNG nor a PGM or PPM file, by its first bytes")
        }
    }

    init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
        (self.width, self.height, self.channels, self.pixels) = (width, height, channels, pixels)
    }

    /// Throws where an image of these sides has no pixels or more than are read.
    static func checkSize(width: Int, height: Int) throws(DamagedImage) {
        guard width > 0, height > 0 else { throw DamagedImage("has no pixels: \(width) by \(height)") }
        guard width <= sideLimit, height <= sideLimit, width * height <= pixelLimit else {
            throw DamagedImage("is too large: \(width) by \(height) pixels")
        }
    }
}

/// What is wrong with an image's file, as the end of a sentence that begins with its name.
struct DamagedImage: Error {
    let problem: String

    init(_ problem: String) { self.problem = problem }

    /// That the file is no whole and sound one of its format.
    static func damaged(_ what: String) -> DamagedImage {
        DamagedImage("is damaged or truncated: it has \(what)")
    }
}
