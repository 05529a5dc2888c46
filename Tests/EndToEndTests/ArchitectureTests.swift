import Foundation
import TestSupport
import Testing

/// The drawing and the table of rooms in Sources/README.md, the lists of Package.swift and the imports of the source files are one map. The
/// build's own check of imports lets everything pass that is reachable through another room; this one does not.
@Suite("The map of the house")
struct ArchitectureTests {
    private static let root = Vectors.folder.deletingLastPathComponent().deletingLastPathComponent()

    private func text(_ path: String) throws -> String {
        try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
    }

    /// What each room of `Sources` may import, as Package.swift has it.
    private func declared() throws -> [String: Set<String>] {
        let package = try text("Package.swift")
        var rooms: [String: Set<String>] = [:]
        for match in package.matches(of: /(?:library|command)\(\s*"([\w\-]+)"(?:,\s*\[([^\]]*)\])?\s*\)/) {
            let names = (match.2 ?? "").matches(of: /"([\w\-]+)"/).map { String($0.1) }
            rooms[String(match.1)] = Set(names)
        }
        for match in package.matches(of: /\.(?:systemLibrary|target)\(\s*name: "(C\w+)"/) {
            rooms[String(match.1)] = []
        }
        return rooms
    }

    /// The same as the table in Sources/README.md has it.
    private func documented() throws -> [String: Set<String>] {
        var rooms: [String: Set<String>] = [:]
        let section = try text("Sources/README.md").components(separatedBy: "\n## The house\n").last ?? ""
        for line in section.components(separatedBy: "\n## ")[0].split(separator: "\n") {
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
            guard line.hasPrefix("| `"), cells.count == 5 else { continue }
            let names =
                if let same = cells[3].firstMatch(of: /the same as (\w+)/) {
                    try #require(rooms[String(same.1)], "the row it names stands above")
                } else {
                    Set(cells[3].matches(of: /[\w\-]+/).map { String($0.0) })
                }
            for room in cells[1].matches(of: /`([\w\-]+)`/) { rooms[String(room.1)] = names }
        }
        return rooms
    }

    /// The rooms among `all` that the source files of one import.
    private func imported(by room: String, of all: Set<String>) throws -> Set<String> {
        let folder = Self.root.appendingPathComponent("Sources/\(room)")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        var names: Set<String> = []
        for case let file as URL in files where file.pathExtension == "swift" {
            let source = try String(contentsOf: file, encoding: .utf8)
            for line in source.split(separator: "\n") where line.contains("import ") {
                guard let match = line.prefixMatch(of: /(?:\w+ )?import (\w+)$/) else { continue }
                names.insert(String(match.1))
            }
        }
        return names.intersection(all)
    }

    @Test("The table has every room with the arrows of Package.swift")
    func table() throws {
        let (declared, documented) = (try declared(), try documented())
        #expect(declared.count > 20)
        for room in Set(declared.keys).union(documented.keys).sorted() {
            #expect(declared[room] == documented[room], "\(room)")
        }
    }

    @Test("The drawing has every room once, above all that it imports")
    func drawing() throws {
        let section = try text("Sources/README.md").components(separatedBy: "\n## The house\n").last ?? ""
        let parts = section.components(separatedBy: "\n## ")[0].components(separatedBy: "```")
        #expect(parts.count == 3, "one drawing")
        var lines: [String: Int] = [:]
        for (number, line) in parts[1].split(separator: "\n").enumerated() {
            // Labels are in lower case; the programs are the rooms that are too.
            for name in line.matches(of: /\b[A-Z]\w+|\bsordino[\w\-]*/) {
                #expect(lines.updateValue(number, forKey: String(name.0)) == nil, "\(name.0) stands twice")
            }
        }
        let declared = try declared()
        #expect(Set(lines.keys) == Set(declared.keys))
        for (room, list) in declared {
            for other in list {
                let (from, to) = (try #require(lines[room]), try #require(lines[other]))
                #expect(from < to, "\(room) imports \(other), which does not stand below it")
            }
        }
    }

    @Test("A room imports the rooms of its list, all of them and no other")
    func arrows() throws {
        let declared = try declared()
        for (room, list) in declared {
            #expect(try imported(by: room, of: Set(declared.keys)) == list, "\(room)")
        }
    }
}
