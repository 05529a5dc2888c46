import Foundation
import TestSupport

/// The documentation as a reader meets it: every Markdown file of the checkout, taken apart for the tests that hold it
/// against the programs.
enum Manual {
    /// The checkout.
    static let root = Vectors.folder.deletingLastPathComponent().deletingLastPathComponent()

    /// Every Markdown file, as a path from the checkout, in order; builds and outputs apart.
    static let files: [String] = {
        let entries = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
        var found: [String] = []
        while let file = entries?.nextObject() as? URL {
            let path = String(file.path.dropFirst(root.path.count + 1))
            if path.hasPrefix(".build") || path.hasPrefix(".git/") || path == "simulations/out" {
                entries?.skipDescendants()
            } else if path.hasSuffix(".md") {
                found.append(path)
            }
        }
        return found.sorted()
    }()

    /// All pages.
    static let pages: [ManualPage] = files.compactMap { try? ManualPage($0) }

    /// Whether a file or folder of the checkout is there.
    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }
}

/// One Markdown file.
struct ManualPage: Sendable {
    /// One fenced block.
    struct Block: Sendable {
        /// The word after the fence; empty where there is none.
        let language: String
        let text: String
    }

    /// One table: the cells of its header, and of each row.
    struct Table: Sendable {
        let header: [String]
        var rows: [[String]] = []
    }

    /// A heading and what stands below it, up to the next heading of any level.
    struct Section: Sendable {
        let heading: String
        var lines: [String] = []
    }

    /// The path from the checkout.
    let path: String
    /// The text without its blocks, by headings; the first one has none.
    private(set) var sections = [Section(heading: "")]
    private(set) var blocks: [Block] = []

    /// Reads a file of the checkout.
    init(_ path: String) throws {
        self.path = path
        let text = try String(contentsOf: Manual.root.appendingPathComponent(path), encoding: .utf8)
        var open: (language: String, lines: [String])?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix("```") {
                if let block = open {
                    blocks.append(Block(language: block.language, text: block.lines.joined(separator: "\n")))
                    open = nil
                } else {
                    open = (String(line.dropFirst(3)), [])
                }
            } else if open != nil {
                open?.lines.append(line)
            } else if let match = line.wholeMatch(of: /#+ (.+)/) {
                sections.append(Section(heading: String(match.1)))
            } else {
                sections[sections.count - 1].lines.append(line)
            }
        }
    }

    /// The text without blocks.
    var prose: String { sections.flatMap(\.lines).joined(separator: "\n") }

    /// The section under a heading; nil where there is none of that name.
    func section(_ heading: String) -> Section? { sections.first { $0.heading == heading } }

    /// The names by which links reach the headings, as GitHub makes them.
    var anchors: Set<String> {
        var names: Set<String> = []
        for section in sections.dropFirst() {
            let letters = section.heading.lowercased().replacing(" ", with: "-")
                .filter { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
            var name = letters
            var repeated = 0
            while !names.insert(name).inserted {
                repeated += 1
                name = "\(letters)-\(repeated)"
            }
        }
        return names
    }
}

extension ManualPage.Section {
    /// The section's tables.
    var tables: [ManualPage.Table] {
        var tables: [ManualPage.Table] = []
        var isInside = false
        for line in lines {
            guard line.hasPrefix("|") else {
                isInside = false
                continue
            }
            let cells = Self.cells(line)
            if !isInside {
                tables.append(.init(header: cells))
                isInside = true
            } else if !cells.allSatisfy({ $0.allSatisfy { $0 == "-" } }) {
                tables[tables.count - 1].rows.append(cells)
            }
        }
        return tables
    }

    private static func cells(_ line: String) -> [String] {
        line.replacing("\\|", with: "\u{1}").split(separator: "|", omittingEmptySubsequences: false)
            .dropFirst().dropLast()
            .map { $0.replacing("\u{1}", with: "|").trimmingCharacters(in: .whitespaces) }
    }
}

extension String {
    /// The words in backticks, also where they go over the end of a line.
    var codeWords: [String] { matches(of: /`([^`]+)`/).map { String($0.1).replacing("\n", with: " ") } }

    /// The words in backticks outside parentheses: names, without their values.
    var names: [String] {
        var depth = 0
        let outside = filter { letter in
            if letter == "(" { depth += 1 }
            defer { if letter == ")" { depth -= 1 } }
            return depth == 0
        }
        return outside.codeWords
    }
}
