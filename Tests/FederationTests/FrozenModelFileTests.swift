import Compute
import Configuration
import Cryptography
import Federation
import Foundation
import Learning
import Messages
import TestSupport
import Testing

/// The file of the parameters that nobody trains.
@Suite struct FrozenModelFileTests {
    private static let layout = ParameterLayout([
        ("0.weight", [5, 3]), ("0.bias", [5]), ("2.weight", [0, 4]),
    ])
    private let parameters = FrozenParameters(
        ParameterVector(layout: layout, values: (0..<20).map { Float($0) * 0.5 - 3 }))

    @Test func itIsASafeTensorsFileOfTheLayoutAndReadsBack() throws {
        let folder = try TemporaryFolders.make("frozen")
        let bytes = FrozenModelFile.encode(parameters)
        let digest = try FrozenModelFile.digest(parameters)
        #expect(try digest == FrozenDigest(sha256: SHA256.text(of: bytes), bytes: bytes.count))
        #expect(bytes.count == FrozenModelFile.byteCount(Self.layout))
        let tensors = try bytes.withUnsafeBytes { try SafeTensors(decoding: $0).tensors }
        #expect(tensors.map(\.name) == Self.layout.entries.map(\.name))
        #expect(tensors.flatMap(\.values) == Array(parameters.values))
        let path = "\(folder)/f"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let read = try FrozenModelFile.read(path, digest: digest, layout: Self.layout)
        #expect(Array(read.values) == Array(parameters.values) && read.layout == Self.layout)
        try FrozenModelFile.verify(path, digest: digest, layout: Self.layout)
    }

    /// Head and values matter, and so do the digest, the length and the layout that are stated.
    @Test func anythingElseIsRefused() throws {
        let folder = try TemporaryFolders.make("frozen")
        let path = "\(folder)/f"
        let bytes = FrozenModelFile.encode(parameters)
        let digest = try FrozenModelFile.digest(parameters)
        func expectRefusal(_ stated: FrozenDigest, _ layout: ParameterLayout, _ what: String) {
            for reads in [true, false] {
                let error = #expect(throws: ConfigurationError.self, "\(what)") {
                    if reads {
                        _ = try FrozenModelFile.read(path, digest: stated, layout: layout)
                    } else {
                        try FrozenModelFile.verify(path, digest: stated, layout: layout)
                    }
                }
                #expect(error?.path == path && error?.problem.contains(where: \.isNewline) == false)
            }
        }
        expectRefusal(digest, Self.layout, "no file")
        for place in [0, 9, bytes.count - 81, bytes.count - 80, bytes.count - 1] {
            var damaged = bytes
            damaged[place] ^= 4
            try Data(damaged).write(to: URL(fileURLWithPath: path))
            expectRefusal(digest, Self.layout, "byte \(place)")
        }
        for other in [Array(bytes.dropLast()), bytes + [0], []] {
            try Data(other).write(to: URL(fileURLWithPath: path))
            expectRefusal(digest, Self.layout, "\(other.count) bytes")
        }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let zeros = String(repeating: "0", count: 64)
        expectRefusal(FrozenDigest(sha256: zeros, bytes: digest.bytes), Self.layout, "digest")
        expectRefusal(FrozenDigest(sha256: digest.sha256, bytes: digest.bytes + 1), Self.layout, "length")
        let renamed = ParameterLayout([("1.weight", [5, 3]), ("0.bias", [5]), ("2.weight", [0, 4])])
        expectRefusal(digest, renamed, "layout")
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        expectRefusal(digest, Self.layout, "folder")
    }
}
