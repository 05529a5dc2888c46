import Compute
import Configuration
import Foundation
import Testing

@testable import Datasets

@Suite("Files compressed by gzip") struct GzipTests {
    /// Contents that lead an encoder to each kind of block and code.
    enum Content: String, CaseIterable {
        case empty, byte, text, zeros, noise, skewed, distant, mixed

        var bytes: [UInt8] {
            var generator = SeededGenerator(seed: 3, purpose: .test)
            func noise(_ count: Int) -> [UInt8] {
                (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            }
            // Byte k with a probability of 2^-k: codes of every length up to the longest.
            func skewed(_ count: Int) -> [UInt8] {
                (0..<count).map { _ in UInt8(generator.next().trailingZeroBitCount) }
            }
            switch self {
            case .empty: return []
            case .byte: return [65]
            case .text: return Array((0..<20_000).map { "\($0 * $0 % 1009)," }.joined().utf8)
            case .zeros: return Array(repeating: 0, count: 300_000)
            case .noise: return noise(200_000)
            case .skewed: return skewed(400_000)
            case .distant:
                let block = noise(32_768)
                return block + block + block.prefix(300) + block
            case .mixed: return noise(5000) + skewed(90_000) + Array(repeating: 7, count: 70_000) + noise(40)
            }
        }
    }

    static func compressed(_ bytes: [UInt8], level: Int = 6) throws -> [UInt8] {
        let folder = try InputFolder()
        try folder.write("f", bytes)
        try folder.compress("f", level: level)
        return Array(try #require(FileManager.default.contents(atPath: folder.path + "/f.gz")))
    }

    @Test(arguments: Content.allCases, [1, 6, 9])
    func readsWhatGzipWrites(content: Content, level: Int) throws {
        let bytes = content.bytes
        #expect(try Gzip.decompress(Self.compressed(bytes, level: level), path: "f") == bytes)
    }

    @Test func readsStreamsBehindEachOtherAndPadding() throws {
        // The last stream says nothing of the sizes of those before it.
        let (long, short) = (Content.zeros.bytes, Content.byte.bytes)
        let files = try Self.compressed(long) + Self.compressed(Content.text.bytes) + Self.compressed(short)
        let whole = long + Content.text.bytes + short
        #expect(try Gzip.decompress(files, path: "f") == whole)
        #expect(try Gzip.decompress(files + [UInt8](repeating: 0, count: 700), path: "f") == whole)
        #expect(throws: ConfigurationError.self) { try Gzip.decompress(files + [1], path: "f") }
    }

    @Test func readsEveryHeader() throws {
        let plain = try Self.compressed(Content.text.bytes)
        // gzip writes the name; here without, and with all that there may be.
        let zero = try #require(plain[10...].firstIndex(of: 0))
        let body = plain[(zero + 1)...]
        let start = plain[..<3] + [0] + plain[4..<10]
        #expect(try Gzip.decompress(Array(start + body), path: "f") == Content.text.bytes)
        let optional: [UInt8] = [3, 0, 9, 0, 9, 97, 0, 98, 99, 0, 0, 0]
        let full = Array(plain[..<3] + [31] + plain[4..<10]) + optional
        #expect(try Gzip.decompress(Array(full + body), path: "f") == Content.text.bytes)
        for flags in [UInt8(32), 64, 128] {
            let refused = Array(plain[..<3] + [flags] + plain[4...])
            #expect(throws: ConfigurationError.self) { try Gzip.decompress(refused, path: "f") }
        }
        for length in 0..<full.count {
            #expect(throws: ConfigurationError.self) {
                try Gzip.decompress(Array(full[..<length]), path: "f")
            }
        }
    }

    @Test("A cut at any byte is told, and no flipped bit goes unnoticed")
    func refusesDamage() throws {
        let bytes = Array(Content.skewed.bytes.prefix(600)) + Content.text.bytes.prefix(600)
        let whole = try Self.compressed(bytes)
        for length in 0..<whole.count {
            let failure = #expect(throws: ConfigurationError.self) {
                try Gzip.decompress(Array(whole[..<length]), path: "f")
            }
            #expect(failure?.problem.contains("truncated") == true, "cut at \(length)")
        }
        let zero = try #require(whole[10...].firstIndex(of: 0))
        for bit in (8 * (zero + 1))..<(8 * whole.count) {
            var damaged = whole
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            // Bits that fill the last byte up mean nothing.
            let read = try? Gzip.decompress(damaged, path: "f")
            #expect(read == nil || read == bytes, "bit \(bit)")
        }
    }

    /// Streams that no encoder writes, as the bytes behind a plain header (RFC 1951).
    @Test(arguments: [
        ("a type that there is not", [0x07] as [UInt8], "no known type"),
        ("a length without its complement", [0x01, 5, 0, 5, 0], "complement"),
        ("a match before the beginning", [0x03, 0x02, 0x00], "before its beginning"),
        ("a length code of 286", [0x1B, 0x03, 0x00, 0x00], "no code"),
        ("30 literal codes too many", [0xFD, 0x00, 0x00, 0x00], "more codes"),
        ("code lengths that are too many", [0x05, 0x00, 0x92, 0x24, 0x49, 0x92, 0x24, 0x49], "contradict"),
        ("no code lengths at all", [0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00], "no code"),
    ])
    func refusesHostileStreams(what: String, stream: [UInt8], problem: String) {
        let header: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
        let failure = #expect(throws: ConfigurationError.self) {
            try Gzip.decompress(header + stream + [UInt8](repeating: 0, count: 16), path: "f")
        }
        #expect(failure?.problem.contains(problem) == true, "\(what): \(failure?.problem ?? "")")
    }

    @Test func boundsWhatItAllocates() throws {
        let bytes = Content.zeros.bytes
        var file = try Self.compressed(bytes)
        #expect(throws: ConfigurationError.self) {
            try Gzip.decompress(file, path: "f", limit: bytes.count - 1)
        }
        #expect(try Gzip.decompress(file, path: "f", limit: bytes.count) == bytes)
        // A size that the file cannot hold is not believed, and no checksum hides it.
        file.replaceSubrange((file.count - 4)..., with: [0xFF, 0xFF, 0xFF, 0xFF])
        let failure = #expect(throws: ConfigurationError.self) { try Gzip.decompress(file, path: "f") }
        #expect(
            failure?.description
                == "f: is damaged or truncated: it has another checksum or size than it states; get it again")
    }

    @Test("The checksum is that of the published check value", arguments: [0, 1, 15, 16, 17, 64])
    func checksum(cut: Int) {
        // "123456789" is CBF43926 in every catalogue of CRCs; zeros in front do not change how pieces add up.
        let digits = Array("123456789".utf8)
        var sum = Checksum()
        digits.withUnsafeBytes { sum.add($0) }
        #expect(sum.value == 0xCBF4_3926)
        let long = Content.text.bytes
        var (whole, pieces) = (Checksum(), Checksum())
        long.withUnsafeBytes { bytes in
            whole.add(bytes)
            pieces.add(UnsafeRawBufferPointer(rebasing: bytes[..<cut]))
            pieces.add(UnsafeRawBufferPointer(rebasing: bytes[cut...]))
        }
        #expect(whole.value == pieces.value)
    }
}
