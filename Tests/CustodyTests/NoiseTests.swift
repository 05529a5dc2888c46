import Cryptography
import Foundation
import Operations
import Privacy
import TestSupport
import Testing

@testable import Custody

@Suite("Secret draws") struct NoiseTests {
    private static func key(_ byte: UInt8) -> SharedSecret {
        SharedSecret(SecretBytes(copying: [UInt8](repeating: byte, count: KeyedNoise.keyByteCount)))
    }

    private static func bytes(_ source: some NoiseSource) throws -> [UInt8] {
        var (source, bytes) = (source, [UInt8](repeating: 0, count: 64))
        try bytes.withUnsafeMutableBytes { try source.fill($0) }
        return bytes
    }

    // The texts are those of 0.1.0: a run that began with it draws the same again.
    @Test(arguments: [
        (KeyedNoise.Purpose.serverTree, "sordino server tree noise 7"),
        (.simulationTree, "sordino simulation tree noise 7"),
        (.simulationCohort, "sordino simulation cohort 7"),
    ]) func everyPurposeHasTheStreamOfItsText(_ purpose: KeyedNoise.Purpose, _ text: String) throws {
        let key = Self.key(1)
        var stream = try PseudorandomStream(
            key: KeyDerivation.derive(from: key.bytes, info: Array(text.utf8)))
        var expected = [UInt8](repeating: 0, count: 64)
        try expected.withUnsafeMutableBytes { try stream.fill($0) }
        let drawn = try Self.bytes(KeyedNoise(key: key.bytes, purpose, number: 7))
        #expect(drawn == expected)
        #expect(try Self.bytes(KeyedNoise(key: key.bytes, purpose, number: 7)) == drawn)
        #expect(try Self.bytes(KeyedNoise(key: key.bytes, purpose, number: 8)) != drawn)
        #expect(try Self.bytes(KeyedNoise(key: Self.key(2).bytes, purpose, number: 7)) != drawn)
    }

    @Test func secureNoiseIsFresh() throws {
        #expect(try Self.bytes(SecureNoise()) != Self.bytes(SecureNoise()))
    }

    @Test func cohortsOfAKeyAreDrawnAgain() throws {
        let key = Self.key(3)
        func draw(_ round: Int) throws -> [UInt64] {
            var generator = try CohortGenerator<KeyedNoise>(key: key.bytes, round: round)
            return (0..<4).map { _ in generator.next() }
        }
        #expect(try draw(1) == draw(1))
        #expect(try draw(1) != draw(2))
        var (first, second) = (try CohortGenerator<SecureNoise>(), try CohortGenerator<SecureNoise>())
        #expect(first.next() != second.next() && !first.hasFailed)
    }

    @Test func aDrawFromAFailedSourceIsKnown() {
        struct Broken: NoiseSource {
            struct Refusal: Error {}
            mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws { throw Refusal() }
        }
        var generator = CohortGenerator(source: Broken())
        #expect(!generator.hasFailed)
        _ = generator.next()
        #expect(generator.hasFailed)
    }

    @Test func aKeyIsKeptForItsOwner() throws {
        let folder = try Folder()
        let file = RunKeyFile(folder.path + "/cohort.key")
        #expect(try file.read() == nil)
        let digest = try RunKeyFile.digest(of: file.make())
        #expect(try file.read().map { try RunKeyFile.digest(of: $0) } == digest)
        let bytes = try #require(FileManager.default.contents(atPath: file.path))
        #expect(bytes.count == KeyedNoise.keyByteCount && folder.mode("cohort.key") == 0o600)
        #expect(try SHA256.text(of: Array(bytes)) == digest)
        for count in 0..<bytes.count {
            try bytes.prefix(count).write(to: URL(fileURLWithPath: file.path))
            let failure = #expect(throws: Failure.self) { try file.read() }
            #expect(failure?.exitCode == .storage && failure?.message.contains(file.path) == true)
        }
    }
}
