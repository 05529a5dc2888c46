import Foundation
import Testing

/// The reference of the commands says what the programs accept, and every command that a page shows is one that they
/// accept.
@Suite("Documented commands", .tags(.endToEnd)) struct DocumentedCommandsTests {
    private static let reference = "Sources/sordino/README.md"

    /// The options in a row: those written, and those of a command that it names.
    private static func options(_ cell: String, _ rows: [String: String]) -> Set<String> {
        var options = Set(cell.matches(of: /--[a-z0-9\-]+/).map { String($0.0) })
        if let other = cell.firstMatch(of: /those of `([a-z\- ]+)`/).flatMap({ rows[String($0.1)] }) {
            options.formUnion(Self.options(other, [:]))
        }
        return options
    }

    @Test func everyCommandHasOneRowWithItsOptions() throws {
        let tables = try ManualPage(Self.reference).sections.flatMap(\.tables)
        var rows: [String: String] = [:]
        for row in tables.filter({ $0.header[0] == "command" }).flatMap(\.rows) {
            for command in row[0].codeWords {
                let words = command.split(separator: " ").prefix {
                    $0.allSatisfy { $0.isLowercase || $0 == "-" }
                }
                #expect(
                    rows.updateValue(row[1], forKey: words.joined(separator: " ")) == nil, "\(command) twice")
            }
        }
        #expect(CommandCatalog.entries.count > 35)
        #expect(Set(rows.keys) == Set(CommandCatalog.entries.map(\.name)))
        for entry in CommandCatalog.entries {
            let documented = Self.options(rows[entry.name] ?? "", rows)
            #expect(documented == entry.options, "\(entry.name)")
        }
    }

    @Test func exitCodesAreThoseOfTheCode() throws {
        let section = try #require(try ManualPage(Self.reference).section("Exit codes"))
        let documented = section.tables.flatMap(\.rows).map { $0[0] }
        let source = try String(
            contentsOf: Manual.root.appendingPathComponent("Sources/Operations/ExitCode.swift"),
            encoding: .utf8)
        let coded = source.matches(of: /case \w+ = (\d+)/).map { String($0.1) }
        #expect(coded.count >= 8 && documented == coded)
    }

    @Test func theBenchmarksOptionsAreDocumented() throws {
        let section = try #require(try ManualPage("Tests/Measurements/README.md").section("Benchmarks"))
        let text = section.lines.joined(separator: "\n")
        let program = URL(fileURLWithPath: Sordino.binary).deletingLastPathComponent()
            .appendingPathComponent("sordino-bench").path
        let help = try RunningCommand(program, ["--help"], patienceSeconds: 60).wait().output
        let (documented, accepted) = [text, help].map { Set($0.matches(of: /--[a-z]+/).map { String($0.0) }) }
            .pair
        #expect(accepted.count >= 4 && documented.isSuperset(of: accepted))
    }

    @Test(arguments: Manual.files) func everyCommandOfAPageIsUnderstood(_ file: String) throws {
        let page = try ManualPage(file)
        for block in page.blocks where ["", "sh", "bash"].contains(block.language) {
            for command in ShellText(block.text).commands { check(command, page.path) }
        }
        for span in page.prose.codeWords where span.hasPrefix("sordino") || span.hasPrefix("bash ") {
            for command in ShellText(span).commands { check(command, page.path) }
        }
    }

    private func check(_ words: [String], _ page: String) {
        let text = "\(page): \(words.joined(separator: " "))"
        var words = words[...]
        while words.first?.wholeMatch(of: /[A-Z_]+=.*/) != nil { words.removeFirst() }
        guard let first = words.first else { return }
        for word in words
        where word.wholeMatch(of: /(Sources|Tests|simulations|certs|\.ci)\/[A-Za-z0-9_.\-\/]+/) != nil {
            if word.hasPrefix("simulations/out") || word.contains(/\/[A-Z]+$/) { continue }
            #expect(Manual.exists(word), "\(text): no \(word)")
        }
        switch first {
        case "sordino", "sordino-agent": checkProgram(words, text)
        case "bash" where words.dropFirst().first == "simulations/run":
            guard let name = words.dropFirst(2).first, name.allSatisfy(\.isNameLetter) else { return }
            #expect(name == "loopback" || Manual.exists("simulations/\(name).json5"), "\(text): no \(name)")
            checkOptions(words.dropFirst(3), ["sordino", "simulate"], text)
        default: return
        }
    }

    private func checkProgram(_ words: ArraySlice<String>, _ text: String) {
        let named = words.prefix { $0.allSatisfy { $0.isLowercase || $0 == "-" } && !$0.hasPrefix("-") }
        guard named.count > 1 else { return }
        guard let command = CommandCatalog.command(named) else {
            // A family of commands, such as `sordino certs`.
            let isFamily =
                named.count == words.count && CommandCatalog.entries.contains { $0.words.starts(with: named) }
            #expect(isFamily, "\(text): no such command")
            return
        }
        checkOptions(words.dropFirst(command.words.count), command.words, text)
    }

    private func checkOptions(_ words: ArraySlice<String>, _ command: [String], _ text: String) {
        guard let entry = CommandCatalog.command(command) else { return }
        for word in words where word.hasPrefix("--") {
            let option = word.prefix { $0 != "=" }
            #expect(
                entry.options.union(CommandCatalog.common).contains(String(option)),
                "\(text): \(entry.name) has no \(option)")
        }
    }
}

extension [Set<String>] {
    /// The first two.
    fileprivate var pair: (Set<String>, Set<String>) { (self[0], self[1]) }
}

extension Character {
    fileprivate var isNameLetter: Bool { isLowercase || isNumber || self == "-" }
}
