/// The chunks of a PNG file (ISO/IEC 15948, "Portable Network Graphics", sections 5 and 11): checked in their lengths,
/// sums and order, and gathered. Chunks that decide nothing about stored pixels are passed over.
struct PNGChunks {
    /// What the first chunk says.
    struct Header {
        let width: Int
        let height: Int
        /// Bits of a sample.
        let depth: Int
        let color: Color
        let isInterlaced: Bool

        /// Bits of a pixel.
        var pixelBits: Int { depth * color.samples }
    }

    /// What a pixel's samples are.
    enum Color: UInt8 {
        case grey = 0
        case rgb = 2
        case palette = 3
        case greyAlpha = 4
        case rgbAlpha = 6

        /// Samples of a pixel.
        var samples: Int {
            switch self {
            case .grey, .palette: 1
            case .greyAlpha: 2
            case .rgb: 3
            case .rgbAlpha: 4
            }
        }

        /// Bits that a sample may have.
        var depths: [Int] {
            switch self {
            case .grey: [1, 2, 4, 8, 16]
            case .palette: [1, 2, 4, 8]
            case .rgb, .greyAlpha, .rgbAlpha: [8, 16]
            }
        }
    }

    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    let header: Header
    /// Red, green and blue of each colour; empty without a palette.
    private(set) var palette: [UInt8] = []
    /// The compressed rows.
    private(set) var data: [UInt8] = []
    private var hasTransparency = false
    private var place: Place = .start

    private enum Place { case start, data, behindData }

    /// Reads the file's chunks. What stands behind the last one is nobody's.
    init(_ bytes: [UInt8]) throws(DamagedImage) {
        var position = Self.signature.count
        let first = try Self.chunk(bytes, &position)
        guard first.type == "IHDR" else { throw .damaged("no header at its start") }
        header = try Self.header(bytes[first.body])
        while true {
            let next = try Self.chunk(bytes, &position)
            if next.type == "IEND" {
                guard next.body.isEmpty else { throw .damaged("an end that is not empty") }
                break
            }
            try take(next.type, bytes[next.body])
        }
        guard !data.isEmpty else { throw .damaged("no pixels") }
    }

    /// The chunk at `position`, which moves behind it.
    private static func chunk(
        _ bytes: [UInt8], _ position: inout Int
    ) throws(DamagedImage) -> (type: String, body: Range<Int>) {
        guard bytes.count - position >= 12 else { throw .damaged("no end") }
        let length = Int(bigEndian(bytes[position..<(position + 4)]))
        guard length <= bytes.count - position - 12 else { throw .damaged("no end") }
        let type = bytes[(position + 4)..<(position + 8)]
        guard type.allSatisfy({ (65...90).contains($0 & 0xDF) }) else {
            throw .damaged("a chunk without a name")
        }
        let body = (position + 8)..<(position + 8 + length)
        var sum = Checksum()
        bytes.withUnsafeBytes {
            sum.add(UnsafeRawBufferPointer(rebasing: $0[(position + 4)..<body.upperBound]))
        }
        let name = String(decoding: type, as: UTF8.self)
        guard bigEndian(bytes[body.upperBound..<(body.upperBound + 4)]) == sum.value else {
            throw .damaged("another checksum than its chunk \(name) states")
        }
        position = body.upperBound + 4
        return (name, body)
    }

    private static func bigEndian(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func header(_ body: ArraySlice<UInt8>) throws(DamagedImage) -> Header {
        guard body.count == 13 else { throw .damaged("a header of \(body.count) bytes, not 13") }
        let start = body.startIndex
        let (width, height) = (
            Int(bigEndian(body[start..<(start + 4)])), Int(bigEndian(body[(start + 4)..<(start + 8)]))
        )
        try ImageRaster.checkSize(width: width, height: height)
        let depth = Int(body[start + 8])
        guard let color = Color(rawValue: body[start + 9]), color.depths.contains(depth) else {
            throw .damaged("pixels of no known kind: colour type \(body[start + 9]), \(depth) bits")
        }
        guard body[start + 10] == 0, body[start + 11] == 0, body[start + 12] <= 1 else {
            throw .damaged("a compression, filter or interlace method that is not known")
        }
        return Header(
            width: width, height: height, depth: depth, color: color, isInterlaced: body[start + 12] == 1)
    }

    private mutating func take(_ type: String, _ body: ArraySlice<UInt8>) throws(DamagedImage) {
        if type == "IDAT" {
            guard place != .behindData else { throw .damaged("pixels in two places") }
            guard header.color != .palette || !palette.isEmpty else {
                throw .damaged("no palette before its pixels")
            }
            place = .data
            data.append(contentsOf: body)
            return
        }
        if place == .data { place = .behindData }
        switch type {
        case "PLTE": try takePalette(body)
        case "tRNS": try takeTransparency(body)
        case "IHDR": throw .damaged("two headers")
        default:
            // A small first letter marks what a reader need not know.
            guard type.utf8.first.map({ $0 & 0x20 != 0 }) == true else {
                throw .damaged("a chunk \(type), which is not known")
            }
        }
    }

    private mutating func takePalette(_ body: ArraySlice<UInt8>) throws(DamagedImage) {
        guard header.color != .grey, header.color != .greyAlpha else { throw .damaged("a palette for grey") }
        guard place == .start, palette.isEmpty, !hasTransparency else {
            throw .damaged("a palette out of place")
        }
        let most = header.color == .palette ? 1 << header.depth : 256
        guard body.count % 3 == 0, (1...most).contains(body.count / 3) else {
            throw .damaged("a palette of \(body.count) bytes")
        }
        palette = Array(body)
    }

    // What is transparent plays no role, as alpha is dropped; a chunk that cannot be marks a damaged file all the same.
    private mutating func takeTransparency(_ body: ArraySlice<UInt8>) throws(DamagedImage) {
        guard place == .start, !hasTransparency else { throw .damaged("a transparency out of place") }
        let fits =
            switch header.color {
            case .grey: body.count == 2
            case .rgb: body.count == 6
            case .palette: (1...max(1, palette.count / 3)).contains(body.count) && !palette.isEmpty
            case .greyAlpha, .rgbAlpha: false
            }
        guard fits else { throw .damaged("a transparency of \(body.count) bytes, which does not fit it") }
        hasTransparency = true
    }
}
