import Foundation

/// Writes PNG files as a test wants them: any kind of pixel, filters in turn, with or without the interlace. The compressed
/// data are stored blocks, and both checksums are computed bit by bit.
struct PNGWriter {
    var width: Int
    var height: Int
    var depth: Int
    /// PNG's number: 0 grey, 2 colour, 3 palette, 4 grey and alpha, 6 colour and alpha.
    var color: Int
    var isInterlaced = false
    /// [height, width, samples].
    var samples: [Int]
    var palette: [UInt8] = []
    /// Filters of the rows, used in turn.
    var filters: [UInt8] = [0, 1, 2, 3, 4]

    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    static func samples(of color: Int) -> Int { [0: 1, 2: 3, 3: 1, 4: 2, 6: 4][color] ?? 0 }

    /// The whole file.
    var file: [UInt8] {
        Self.file([header, paletteChunk, Self.chunk("IDAT", data), Self.end].filter { !$0.isEmpty })
    }

    var header: [UInt8] {
        Self.chunk(
            "IHDR",
            Self.word(width) + Self.word(height)
                + [UInt8(depth), UInt8(color), 0, 0, isInterlaced ? 1 : 0])
    }
    var paletteChunk: [UInt8] { palette.isEmpty ? [] : Self.chunk("PLTE", palette) }
    static let end = chunk("IEND", [])

    static func file(_ chunks: [[UInt8]]) -> [UInt8] { signature + chunks.joined() }

    static func word(_ value: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    static func chunk(_ type: String, _ body: [UInt8]) -> [UInt8] {
        let named = Array(type.utf8) + body
        var sum: UInt32 = 0xFFFF_FFFF
        for byte in named {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 0 ? sum >> 1 : (sum >> 1) ^ 0xEDB8_8320 }
        }
        return word(body.count) + named + word(Int(~sum))
    }

    /// The compressed rows.
    var data: [UInt8] { Self.zlib(rows) }

    static func zlib(_ content: [UInt8]) -> [UInt8] {
        var out: [UInt8] = [0x78, 0x01]
        var (low, high) = (1, 0)
        for byte in content { (low, high) = ((low + Int(byte)) % 65521, (high + low + Int(byte)) % 65521) }
        var left = content[...]
        repeat {
            let piece = left.prefix(1000)
            left = left.dropFirst(1000)
            let length = [UInt8(piece.count & 0xFF), UInt8(piece.count >> 8)]
            out += [left.isEmpty ? 1 : 0] + length + length.map { ~$0 } + piece
        } while !left.isEmpty
        return out + word(high << 16 | low)
    }

    /// All passes' filtered rows.
    var rows: [UInt8] {
        let passes =
            isInterlaced
            ? [
                (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                (0, 1, 1, 2),
            ]
            : [(0, 0, 1, 1)]
        var out: [UInt8] = []
        for (left, top, right, down) in passes {
            let columns = Array(stride(from: left, to: width, by: right))
            var above: [UInt8]?
            for row in stride(from: top, to: height, by: down) where !columns.isEmpty {
                let packed = pack(row, columns)
                let filter = filters[out.count % filters.count]
                out.append(filter)
                out += filtered(packed, above ?? packed.map { _ in 0 }, filter)
                above = packed
            }
        }
        return out
    }

    private func pack(_ row: Int, _ columns: [Int]) -> [UInt8] {
        let count = Self.samples(of: color)
        var bits: [Bool] = []
        for column in columns {
            for sample in 0..<count {
                let value = samples[(row * width + column) * count + sample]
                for bit in (0..<depth).reversed() { bits.append(value >> bit & 1 == 1) }
            }
        }
        while bits.count % 8 != 0 { bits.append(false) }
        return stride(from: 0, to: bits.count, by: 8).map { start in
            bits[start..<(start + 8)].reduce(0) { $0 << 1 | ($1 ? 1 : 0) }
        }
    }

    private func filtered(_ row: [UInt8], _ above: [UInt8], _ filter: UInt8) -> [UInt8] {
        let distance = max(1, Self.samples(of: color) * depth / 8)
        return row.indices.map { place in
            let left = place < distance ? 0 : Int(row[place - distance])
            let over = Int(above[place])
            let corner = place < distance ? 0 : Int(above[place - distance])
            let guess: Int
            switch filter {
            case 1: guess = left
            case 2: guess = over
            case 3: guess = (left + over) / 2
            case 4:
                let far = [left, over, corner].map { abs(left + over - corner - $0) }
                guess = far[0] <= far[1] && far[0] <= far[2] ? left : far[1] <= far[2] ? over : corner
            default: guess = 0
            }
            return UInt8(truncatingIfNeeded: Int(row[place]) - guess)
        }
    }

    /// The image as it must be read: [channels, height, width], alpha dropped.
    var expected: [UInt8] {
        let (count, isGrey) = (Self.samples(of: color), color == 0 || color == 4)
        return (0..<(isGrey ? 1 : 3)).flatMap { channel in
            (0..<(width * height)).map { pixel in
                let value = samples[pixel * count + (color == 3 ? 0 : channel)]
                if color == 3 { return palette[3 * value + channel] }
                return depth == 16 ? UInt8(value >> 8) : UInt8(value * 255 / (1 << depth - 1))
            }
        }
    }
}

/// Files that Pillow 13 wrote, 9 by 6 pixels; sample k of the pixel at (x, y) is (x(7 + k) + y(13 - k) + 50k) mod 256.
enum PillowFile: String, CaseIterable {
    case grey =
        "iVBORw0KGgoAAAANSUhEUgAAAAkAAAAGCAAAAAA0rOsZAAAAE0lEQVR4nGNkYIcCRl4Yi4VIFgAwTwGksTiDEgAAAABJRU5ErkJggg=="
    case rgb =
        "iVBORw0KGgoAAAANSUhEUgAAAAkAAAAGCAIAAACepSOSAAAAF0lEQVR4nGNkMEph5+DEilh4ebgHixwAFXAF4ImTKAsAAAAASUVORK5CYII="
    case rgba =
        "iVBORw0KGgoAAAANSUhEUgAAAAkAAAAGCAYAAAARx7TFAAAAHElEQVR4nGNkMEqZxs7ByYUPs/DycONVMFgVAQAiaAiIoIhNiwAAAABJRU5ErkJggg=="
    /// The grey sample modulo 5 is the number of a colour, 10 to 30, 40 to 60 and so on.
    case palette =
        "iVBORw0KGgoAAAANSUhEUgAAAAkAAAAGBAMAAADj6an2AAAAD1BMVEUKFB4oMjxGUFpkbniCjJYNBqOSAAAAL0lEQVR4nAEkANv/AQI/7/TsATD07+8+ARPvP+/wBC7v4+/tBOPv7z/vAQI/7/TsXi0UWJMlFYcAAAAASUVORK5CYII="
    /// Whether the grey sample is above 100.
    case bit =
        "iVBORw0KGgoAAAANSUhEUgAAAAkAAAAGAQAAAAA5vIloAAAAEUlEQVR4nGNgQABGxnomJgYAAiMAhnPeGMgAAAAASUVORK5CYII="

    var bytes: [UInt8] { Data(base64Encoded: rawValue).map { [UInt8]($0) } ?? [] }

    /// The image: [channels, 6, 9].
    var expected: [UInt8] {
        func sample(_ k: Int, _ place: Int) -> Int {
            (place % 9 * (7 + k) + place / 9 * (13 - k) + 50 * k) % 256
        }
        let channels = self == .grey || self == .bit ? 1 : 3
        return (0..<channels).flatMap { channel in
            (0..<54).map { place in
                switch self {
                case .grey, .rgb, .rgba: UInt8(sample(channel, place))
                case .palette: UInt8(30 * (sample(0, place) % 5) + 10 * (channel + 1))
                case .bit: sample(0, place) > 100 ? 255 : 0
                }
            }
        }
    }
}
