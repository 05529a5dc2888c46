import Foundation
import Testing

@testable import Transport

/// Mapped files leave memory as they are used, and are there again when touched.
@Suite struct SharedBufferTests {
    private static let content = (0..<(10 << 20) + 5).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }

    private static let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    /// Bytes that the system may map, and drop, at once: a huge page, where the file lies in such.
    private static let around = 2 << 20

    private func mapped(_ content: [UInt8]) throws -> SharedBuffer {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try Data(content).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try SharedBuffer(mappingFileAt: path)
    }

    /// Pages of the buffer that this process has in memory (proc_pid_pagemap(5), bit 63 of a page's entry).
    private func presentPages(_ buffer: SharedBuffer) throws -> Set<Int> {
        let page = Self.page
        let first = Int(bitPattern: buffer.bytes.baseAddress) / page
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/pagemap"))
        try file.seek(toOffset: UInt64(8 * first))
        let entries = try file.read(upToCount: 8 * ((buffer.count + page - 1) / page)) ?? Data()
        return entries.withUnsafeBytes { raw in
            Set(
                (0..<raw.count / 8).filter {
                    raw.loadUnaligned(fromByteOffset: 8 * $0 + 7, as: UInt8.self) >= 128
                })
        }
    }

    @Test func releasedBytesLeaveMemoryAndComeBack() throws {
        let buffer = try mapped(Self.content)
        #expect(Array(buffer.bytes) == Self.content)
        #expect(try presentPages(buffer).count == (buffer.count + Self.page - 1) / Self.page)
        buffer.release(0..<4 << 20)
        let first = try #require(try presentPages(buffer).min())
        #expect(first >= (4 << 20) / Self.page && first <= ((4 << 20) + Self.around) / Self.page)
        // From within a page to the end: what shares the first page goes too, and nothing is lost by it.
        buffer.release((8 << 20) + 1..<buffer.count)
        let last = try #require(try presentPages(buffer).max())
        #expect(last < (8 << 20) / Self.page && last + 1 >= ((8 << 20) - Self.around) / Self.page)
        buffer.release(5..<5)
        #expect(Array(buffer.bytes) == Self.content)
        let copied = SharedBuffer(Self.content)
        copied.release(0..<copied.count)
        #expect(Array(copied.bytes) == Self.content)
    }

    @Test(arguments: [1 << 14, 100_003, 5 << 20]) func aLongFileLeavesMemoryAsItIsSent(step: Int) throws {
        let buffer = try mapped(Self.content)
        let range = 3..<buffer.count - 2
        var queue = OutputQueue()
        queue.append(head: [1, 2], body: .shared(buffer, range))
        _ = queue.consume(2)
        var sent: [UInt8] = []
        while !queue.isEmpty {
            let piece = queue.withFront { Array($0.prefix(step)) }
            sent += piece
            _ = queue.consume(piece.count)
            let behind = (sent.count + range.lowerBound) / Self.page
            #expect(try presentPages(buffer).count { $0 < behind } <= ((4 << 20) + Self.around) / Self.page)
        }
        #expect(sent == Array(Self.content[range]))
        #expect(try presentPages(buffer).count <= Self.around / Self.page)
    }
}
