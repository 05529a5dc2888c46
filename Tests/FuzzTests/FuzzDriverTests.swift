import Foundation
import TestSupport
import Testing

/// The readers of received bytes, fed with their fuzzers' seeds and with seeded mutations of them. No instrumentation
/// guides these: `Tests/Fuzz/run` does that, by hand, with the same drivers and for as long as it is told.
@Suite struct FuzzDriverTests {
    /// A driver, by the name of its folder of seeds, and what it may leave in shared memory behind the process's number.
    struct Driver: Sendable, CustomTestStringConvertible {
        let name: String
        var leaves: String?
        let run: @Sendable (UnsafeRawBufferPointer) -> Void
        var testDescription: String { name }
    }

    static let drivers = [
        Driver(name: "csv", leaves: ".csv") { TableFuzz.run($0) },
        Driver(name: "gzip") { GzipFuzz.run($0) },
        Driver(name: "http") { HTTPFuzz.run($0) },
        Driver(name: "idx", leaves: "-idx") { IDXFuzz.run($0) },
        Driver(name: "image") { ImageFuzz.run($0) },
        Driver(name: "json5") { JSON5Fuzz.run($0) },
        Driver(name: "ledger") { LedgerFuzz.run($0) },
        Driver(name: "messages") { MessagesFuzz.run($0) },
        Driver(name: "safetensors") { SafeTensorsFuzz.run($0) },
        Driver(name: "secagg") { SecureAggregationFuzz.run($0) },
        Driver(name: "text", leaves: "-text") { TextFuzz.run($0) },
    ]

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fuzz")

    private static func files(_ path: String) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(
            at: folder.appending(path: path), includingPropertiesForKeys: nil
        ).sorted { $0.path < $1.path }
    }

    /// The words that a target's readers know, from libFuzzer's dictionary: `\xNN`, `\"` and `\\` are escapes there.
    private static func tokens(_ name: String) -> [[UInt8]] {
        let file = folder.appending(path: "Tokens/\(name)")
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").map { line in
            var (token, rest) = ([UInt8](), Array(line.utf8.dropFirst().dropLast())[...])
            while let byte = rest.popFirst() {
                guard byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
                    token.append(byte)
                    continue
                }
                guard escaped == UInt8(ascii: "x") else {
                    token.append(escaped)
                    continue
                }
                token.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
                rest = rest.dropFirst(2)
            }
            return token
        }
    }

    @Test func everyFolderOfSeedsHasADriver() throws {
        #expect(try Self.files("Seeds").map(\.lastPathComponent) == Self.drivers.map(\.name))
        let names = Set(Self.drivers.map(\.name))
        #expect(try Self.files("Tokens").allSatisfy { names.contains($0.lastPathComponent) })
        #expect(Self.tokens("http").contains(Array("\r\n\r\n".utf8)))
    }

    /// A trap in a driver ends the process, which is as loud as it should be; what remains to be said is that there was
    /// something to read.
    @Test(arguments: drivers) func seedsAndTheirMutationsAreReadOrRefused(_ driver: Driver) throws {
        defer {
            if let leaves = driver.leaves {
                try? FileManager.default.removeItem(
                    atPath: "/dev/shm/sordino-fuzz-\(ProcessInfo.processInfo.processIdentifier)\(leaves)")
            }
        }
        let seeds = try Self.files("Seeds/\(driver.name)").map { [UInt8](try Data(contentsOf: $0)) }
        try #require(!seeds.isEmpty)
        var mutations = ByteMutations(seeds: seeds, tokens: Self.tokens(driver.name), seed: 20)
        for seed in seeds { seed.withUnsafeBytes(driver.run) }
        var changed = 0
        for _ in 0..<1500 {
            let input = mutations.next()
            input.withUnsafeBytes(driver.run)
            changed += seeds.contains(input) ? 0 : 1
        }
        #expect(changed > 1000)
    }
}

/// Seeds with some bytes changed, moved, taken away, or taken from another seed or a list of words.
private struct ByteMutations {
    /// As libFuzzer is told.
    private static let longest = 4096
    private let seeds: [[UInt8]]
    private let tokens: [[UInt8]]
    private var numbers: SeededNumbers

    init(seeds: [[UInt8]], tokens: [[UInt8]], seed: UInt64) {
        (self.seeds, self.tokens, numbers) = (seeds, tokens, SeededNumbers(seed: seed))
    }

    mutating func next() -> [UInt8] {
        var input = seeds[Int.random(in: 0..<seeds.count, using: &numbers)]
        for _ in 0..<Int.random(in: 1...5, using: &numbers) { change(&input) }
        return Array(input.prefix(Self.longest))
    }

    private mutating func change(_ input: inout [UInt8]) {
        let place = Int.random(in: 0...input.count, using: &numbers)
        let end = min(input.count, place + Int.random(in: 1...8, using: &numbers))
        switch Int.random(in: 0..<8, using: &numbers) {
        case 0 where place < input.count: input[place] ^= 1 << UInt8.random(in: 0..<8, using: &numbers)
        case 1 where place < input.count:
            input[place] = [0, 1, 0x7F, 0x80, 0xFF, 0x30, 0x0A, 0x22].randomElement(using: &numbers) ?? 0
        case 2: input.removeSubrange(place..<end)
        case 3: input.insert(contentsOf: input[place..<end], at: place)
        case 4: input.removeSubrange(place...)
        case 5:
            let other = seeds[Int.random(in: 0..<seeds.count, using: &numbers)]
            input = Array(input[..<place] + other[Int.random(in: 0...other.count, using: &numbers)...])
        case 6 where !tokens.isEmpty:
            input.insert(contentsOf: tokens[Int.random(in: 0..<tokens.count, using: &numbers)], at: place)
        default:
            input.insert(UInt8.random(in: 0...255, using: &numbers), at: place)
        }
    }
}
