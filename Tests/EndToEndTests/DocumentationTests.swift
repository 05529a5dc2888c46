import Foundation
import Testing

/// The documentation as a whole: links lead somewhere, paths exist, and the first page is short.
@Suite("The documentation", .tags(.endToEnd)) struct DocumentationTests {
    @Test func thePagesAreFound() {
        #expect(Manual.files.count > 15)
        #expect(Set(Manual.files).isSuperset(of: ["README.md", "Sources/README.md", "certs/README.md"]))
    }

    @Test func theFirstPageIsReadInTenMinutes() throws {
        let bytes = try Data(contentsOf: Manual.root.appendingPathComponent("README.md")).count
        #expect(bytes <= 15_000)
    }

    /// Links to files of the checkout, and to headings in them.
    @Test(arguments: Manual.files) func everyLinkLeadsSomewhere(_ file: String) throws {
        let page = try ManualPage(file)
        for match in page.prose.matches(of: /\]\(([^)\s]+)\)/) {
            let link = String(match.1)
            if link.hasPrefix("https://") { continue }
            let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(
                String.init)
            let target = parts[0].isEmpty ? file : Self.resolve(parts[0], from: file)
            #expect(Manual.exists(target), "\(page.path): \(link)")
            if parts.count == 2, let other = Manual.pages.first(where: { $0.path == target }) {
                #expect(other.anchors.contains(parts[1]), "\(page.path): \(link)")
            }
        }
    }

    /// The path from the checkout that a relative link of a page leads to.
    private static func resolve(_ link: String, from page: String) -> String {
        var folders = page.split(separator: "/").dropLast()
        for part in link.split(separator: "/") {
            if part == ".." { folders = folders.dropLast() } else { folders.append(part) }
        }
        return folders.joined(separator: "/")
    }

    /// Paths in backticks that begin as the checkout's do.
    @Test(arguments: Manual.files) func everyPathIsThere(_ file: String) throws {
        let page = try ManualPage(file)
        let pattern = /(?:Sources|Tests|simulations|certs)\/[A-Za-z0-9_.\-\/]+/
        for span in page.prose.codeWords {
            guard let path = span.wholeMatch(of: pattern).map({ String($0.0) }),
                !path.hasPrefix("simulations/out")
            else { continue }
            // Folders for what the reader brings or makes.
            if ["simulations/data/mnist", "simulations/NAME", "certs/development"].contains(
                where: path.hasPrefix)
            {
                continue
            }
            #expect(Manual.exists(path), "\(page.path): `\(path)`")
        }
    }

    @Test func theMapNamesEveryPage() throws {
        let map = try #require(try ManualPage("README.md").section("Map")).lines.joined()
        let readmes = Manual.files.filter { $0.hasSuffix("README.md") && $0 != "README.md" }
        for page in readmes where page != "simulations/data/README.md" {
            #expect(map.contains("(\(page))"), "\(page)")
        }
    }

    /// The package manager is told of every README that lies among sources.
    @Test func roomsWithAPageAreListedInThePackage() throws {
        let package = try String(
            contentsOf: Manual.root.appendingPathComponent("Package.swift"), encoding: .utf8)
        let list = try #require(package.firstMatch(of: /let described: Set<String> = \[([^\]]+)\]/))
        let described = Set(list.1.matches(of: /"([\w\-]+)"/).map { String($0.1) })
        let rooms = Manual.files.compactMap {
            $0.wholeMatch(of: /Sources\/([\w\-]+)\/README\.md/).map { String($0.1) }
        }
        #expect(Set(rooms) == described)
    }

    /// Every measurement stands in the list of experiments with its command.
    @Test func everyMeasurementIsListed() throws {
        let page = try ManualPage("Tests/Measurements/README.md")
        let blocks = page.blocks.map(\.text).joined(separator: "\n")
        let folder = Manual.root.appendingPathComponent("Tests/Measurements").path
        for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        where Manual.exists("Tests/Measurements/\(name)/run") {
            #expect(blocks.contains("bash Tests/Measurements/\(name)/run"), "\(name)")
        }
    }
}
