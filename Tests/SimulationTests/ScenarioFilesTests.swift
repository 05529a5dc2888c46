import Configuration
import Federation
import Foundation
import Testing

@testable import Simulation

/// The scenarios that are shipped, and those that the documentation shows, are what this version reads.
@Suite struct ScenarioFilesTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The names of all scenario files, sorted.
    static let files: [String] = {
        let folder = root.appendingPathComponent("simulations").path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(".json5") }.sorted()
    }()

    /// The JSON5 blocks of all pages.
    static let allBlocks: [(page: String, text: String)] = {
        let entries = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
        var blocks: [(page: String, text: String)] = []
        while let file = entries?.nextObject() as? URL {
            if file.lastPathComponent.hasPrefix(".") { entries?.skipDescendants() }
            guard file.pathExtension == "md", let text = try? String(contentsOf: file, encoding: .utf8) else {
                continue
            }
            let page = String(file.path.dropFirst(root.path.count + 1))
            for part in text.components(separatedBy: "```json5\n").dropFirst() {
                blocks.append((page, part.components(separatedBy: "\n```")[0]))
            }
        }
        return blocks
    }()

    /// Those that are whole scenarios.
    static let blocks: [String] = allBlocks.map(\.text).filter { block in
        guard case .object(let members)? = try? JSONValue(json5: block.utf8, source: "README.md") else {
            return false
        }
        return members["task"] != nil && members["simulation"] != nil
    }

    @Test func someScenariosAreThere() {
        #expect(Self.files.contains("quickstart.json5"))
        #expect(Self.blocks.count >= 1)
    }

    @Test(arguments: files) func aShippedScenarioParses(_ name: String) throws {
        let path = Self.root.appendingPathComponent("simulations/\(name)").path
        let scenario = try Scenario(ConfigurationDocument(contentsOf: path))
        #expect(scenario.task.rounds > 0)
        // The commands of simulations/README.md name the file, and outputs are in a folder of its name.
        let listed = try String(
            contentsOf: Self.root.appendingPathComponent("simulations/README.md"), encoding: .utf8)
        #expect(listed.contains("`\(name.dropLast(".json5".count))`"))
    }

    @Test(arguments: blocks) func aScenarioOfThePagesParses(_ block: String) throws {
        let root = try JSONValue(json5: block.utf8, source: "README.md")
        let scenario = try Scenario(ConfigurationDocument(root: root, file: "README.md"))
        #expect(scenario.task.rounds > 0)
    }

    /// Every block must at least be JSON5, with or without the braces around it: one that is not would be skipped above.
    @Test func everyJSON5BlockReads() throws {
        for block in Self.allBlocks {
            let text = block.text.hasPrefix("{") ? block.text : "{\(block.text)}"
            _ = try JSONValue(json5: text.utf8, source: block.page)
        }
    }
}
