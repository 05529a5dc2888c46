import Foundation
import TestSupport
import Testing

/// No part of the house outgrows a reader: what stands under one name fits into the head.
@Suite("The size of files and types") struct ShapeTests {
    /// Most lines of a file.
    private static let fileLimit = 500
    /// Most lines of a type and its nested ones, over all its extensions in a room.
    private static let typeLimit = 400

    private static let root = Vectors.folder.deletingLastPathComponent().deletingLastPathComponent()

    /// A source file of the repository: its path from the root and its text.
    struct Source {
        let path: String
        let text: String
        /// `Sources/Room` or `Tests/RoomTests`.
        var room: String { path.split(separator: "/").prefix(2).joined(separator: "/") }
        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    }

    private static func sources() throws -> [Source] {
        try ["Sources", "Tests"].flatMap { folder -> [Source] in
            let files = try #require(FileManager.default.enumerator(atPath: "\(root.path)/\(folder)"))
            return try files.compactMap { name in
                guard let name = name as? String,
                    ["swift", "c", "h", "js"].contains((name as NSString).pathExtension)
                else { return nil }
                let path = "\(folder)/\(name)"
                return Source(
                    path: path, text: try String(contentsOfFile: "\(root.path)/\(path)", encoding: .utf8))
            }
        }
    }

    /// Lines of each type that a file declares or extends, by the first part of its name. The formatter is strict, so that a
    /// declaration at the left edge ends with the next brace there.
    static func typeLines(_ lines: [Substring]) -> [String: Int] {
        let opening =
            /(?:(?:@\w+(?:\([^)]*\))?|package|public|internal|fileprivate|private|final|indirect) )*(?:struct|class|enum|actor|protocol|extension) (\w+)/
        var counts: [String: Int] = [:]
        var open: (name: String, first: Int)?
        for (number, line) in lines.enumerated() {
            if open == nil, let match = line.prefixMatch(of: opening) {
                if line.hasSuffix("}") {
                    counts[String(match.1), default: 0] += 1
                } else {
                    open = (String(match.1), number)
                }
            } else if line.hasPrefix("}"), let (name, first) = open {
                counts[name, default: 0] += number - first + 1
                open = nil
            }
        }
        return counts
    }

    @Test("No file is longer than 500 lines")
    func files() throws {
        let sources = try Self.sources()
        #expect(sources.count > 400)
        for source in sources {
            let count = source.lines.count - 1
            #expect(count <= Self.fileLimit, "\(source.path) has \(count) lines: find what it does beside")
        }
    }

    @Test("No type is longer than 400 lines over its extensions")
    func types() throws {
        var counts: [String: Int] = [:]
        for source in try Self.sources() where source.path.hasSuffix(".swift") {
            for (name, count) in Self.typeLines(source.lines) {
                counts["\(source.room): \(name)", default: 0] += count
            }
        }
        #expect(counts.count > 1000)
        for (name, count) in counts where count > Self.typeLimit {
            Issue.record("\(name) has \(count) lines over its extensions: part it by its responsibilities")
        }
    }

    @Test("A type is counted with its extensions and what is nested in it, and nothing else")
    func counting() {
        let text = """
            /// A type.
            package final class One: Thing {
                struct Inner {
                }
            }
            extension One { var a: Int { 1 } }
            extension One.Inner {
                var b: Int { 2 }
            }
            let three = 3
            @Suite("x") struct Two {
            }
            """
        #expect(Self.typeLines(text.split(separator: "\n")) == ["One": 8, "Two": 2])
    }
}
