import Foundation
import Testing

@testable import AggregationServer

@Suite struct UploadTests {
    /// Bytes of memory for updates: none, so that files take them piece by piece; one page; plenty.
    static let memories = [0, 4096, 1 << 20]

    private func appended(_ bytes: [UInt8], to buffer: UpdateBuffer, by step: Int) -> Bool {
        stride(from: 0, to: bytes.count, by: step).allSatisfy { start in
            bytes[start..<min(start + step, bytes.count)].withUnsafeBytes { buffer.append($0) }
        }
    }

    @Test func memoryIsBoundedAndUsedAgain() throws {
        let memory = UpdateMemory(limit: 3 * 4096)
        var first = memory.take(5000)
        #expect(memory.allocated == 8192)
        #expect(memory.take(4097) == nil)
        let small = try #require(memory.take(1))
        #expect(memory.take(1) == nil)
        #expect(memory.allocated == 3 * 4096)
        let address = first?.padded().baseAddress
        first = nil
        #expect(memory.allocated == 3 * 4096)
        first = memory.take(4097)
        #expect(first?.padded().baseAddress == address)
        // Another size takes the place of what is free, never of what is in use.
        first = nil
        #expect(memory.take(3 * 4096) == nil)
        #expect(memory.allocated == 4096)
        withExtendedLifetime(small) { memory.trim() }
        #expect(memory.allocated == 4096)
    }

    @Test func sizesBeyondReasonGetNoMemory() {
        let memory = UpdateMemory(limit: .max)
        #expect(memory.take(0) == nil)
        #expect(memory.take(.max) == nil)
        #expect(memory.take(.max - 4096) == nil)
        #expect(memory.allocated == 0)
    }

    @Test(arguments: [1, 4095, 4096, 4097, 12_288, 20_001]) func aFileHoldsWhatTheMemoryHeld(count: Int)
        throws
    {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
        let memory = UpdateMemory(limit: 1 << 20)
        // Memory that was used before holds other bytes behind the end.
        for _ in 0..<2 {
            let buffer = try #require(memory.take(count))
            #expect(appended([UInt8](repeating: 255, count: count), to: buffer, by: 4000))
        }
        for isDirect in [true, false] {
            let buffer = try #require(memory.take(count))
            #expect(appended(bytes, to: buffer, by: 1000))
            #expect([0].withUnsafeBytes { !buffer.append($0) }, "longer than was said")
            #expect(buffer.bytes.elementsEqual(bytes))
            let path = "\(folder)/\(isDirect)"
            let file = try #require(SpoolFile(creating: path, isDirect: isDirect))
            #expect(SpoolFile(creating: path, isDirect: isDirect) == nil, "the file is there already")
            #expect(file.keep(buffer))
            #expect(FileManager.default.contents(atPath: path) == Data(bytes))
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            file.discard()
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }
}
