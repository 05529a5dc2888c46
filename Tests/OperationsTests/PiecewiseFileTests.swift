import Foundation
import Testing

@testable import Operations

/// Files that are written piece by piece, or get a second name, are there whole or not at all.
@Suite struct PiecewiseFileTests {
    private struct Interruption: Error {}

    private func append(_ bytes: [UInt8], to file: TemporaryFile) throws {
        try bytes.withUnsafeBytes { try file.append($0) }
    }

    @Test(arguments: [1, 7, 4096, 1_000_003]) func piecesMakeTheWhole(length: Int) throws {
        let folder = try TemporaryFolder()
        let content = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try AtomicFile.write("old", to: folder.path + "/a")
        let answer = try AtomicFile.write(to: folder.path + "/a", mode: 0o600) { file in
            for start in stride(from: 0, to: length, by: 997) {
                #expect(folder.bytes("a") == Array("old".utf8))
                try append(Array(content[start..<min(start + 997, length)]), to: file)
            }
            return length
        }
        #expect(answer == length)
        #expect(folder.bytes("a") == content)
        #expect(folder.names == ["a"])
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/a")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test func whatFailsHalfwayLeavesTheOldFile() throws {
        let folder = try TemporaryFolder()
        try AtomicFile.write("old", to: folder.path + "/a")
        #expect(throws: Interruption.self) {
            try AtomicFile.write(to: folder.path + "/a") { file in
                try append([1, 2, 3], to: file)
                throw Interruption()
            }
        }
        #expect(folder.bytes("a") == Array("old".utf8))
        #expect(folder.names == ["a"])
        // Two files at once, of which the inner one's place is taken: neither is there.
        try FileManager.default.createDirectory(
            atPath: folder.path + "/b/c", withIntermediateDirectories: true)
        #expect(throws: Failure.self) {
            try AtomicFile.write(to: folder.path + "/a") { outer in
                try append([1], to: outer)
                try AtomicFile.write(to: folder.path + "/b") { try append([2], to: $0) }
            }
        }
        #expect(folder.bytes("a") == Array("old".utf8))
        #expect(folder.names == ["a", "b"])
    }

    @Test func aFullDeviceFailsTheWrite() throws {
        let failure = #expect(throws: Failure.self) {
            let descriptor = open("/dev/full", O_WRONLY)
            defer { close(descriptor) }
            try [UInt8](repeating: 0, count: 100_000).withUnsafeBytes {
                try Descriptor.writeAll(descriptor, $0, path: "model")
            }
        }
        #expect(failure?.exitCode == .storage)
    }

    @Test(arguments: [false, true]) func aSecondNameHasTheSameContent(copies: Bool) throws {
        let folder = try TemporaryFolder()
        let (first, latest) = (folder.path + "/1", folder.path + "/latest")
        func publish(_ name: String) throws {
            if copies {
                try AtomicFile.copy(name, to: latest, mode: 0o644)
            } else {
                try AtomicFile.publish(name, as: latest)
            }
        }
        let content = (0..<2_100_001).map { UInt8(truncatingIfNeeded: $0 >> 3) }
        try AtomicFile.write(content, to: first)
        try publish(first)
        try publish(first)
        #expect(folder.bytes("latest") == content)
        #expect(folder.names == ["1", "latest"])
        // The name outlives the file that it was given after, and goes to the next.
        try AtomicFile.remove(first)
        #expect(folder.bytes("latest") == content)
        try AtomicFile.write("two", to: folder.path + "/2")
        try publish(folder.path + "/2")
        #expect(folder.bytes("latest") == Array("two".utf8))
        #expect(folder.names == ["2", "latest"])
    }

    @Test func aNameThatCannotBeTakenStaysAsItIs() throws {
        let folder = try TemporaryFolder()
        try AtomicFile.write("two", to: folder.path + "/2")
        try FileManager.default.createDirectory(
            atPath: folder.path + "/latest/x", withIntermediateDirectories: true)
        #expect(throws: Failure.self) {
            try AtomicFile.publish(folder.path + "/2", as: folder.path + "/latest")
        }
        #expect(throws: Failure.self) {
            try AtomicFile.publish(folder.path + "/3", as: folder.path + "/2")
        }
        #expect(folder.bytes("2") == Array("two".utf8))
        #expect(folder.names == ["2", "latest"])
    }
}
