import Compute
import Configuration
import Foundation
import Testing

@testable import Datasets

/// Columns that name people are gone, or codes, before anything else sees them.
@Suite struct IdentifierTests {
    private static let text = "nhs,a,b,y\n943-476,1,10,sick\n111-222,2,20,healthy\n943-476,3,30,sick\n"

    /// A folder with the table, and its source, whose hash puts an X before the last three characters.
    private func source(
        _ keys: String, _ text: String = text, hashes: Bool = true
    ) throws -> (folder: InputFolder, source: DataSource) {
        let folder = try InputFolder()
        try folder.write("t.csv", text)
        let json = try JSONValue(
            json5: "{format: 'csv', path: 't.csv', label: 'y', \(keys)}".utf8, source: "test")
        let hash: DataSource.IdentifierHash = { Array("X".utf8) + $0.suffix(3) }
        let source = try DataSource(
            json, path: "data", folder: folder.path, identifierHash: hashes ? hash : nil)
        return (folder, source)
    }

    /// Without the rule this column would be learnt from, and refused as no number.
    @Test(arguments: ["drop", "keyed-hash"]) func isNoFeature(rule: String) throws {
        let (folder, source) = try source("identifiers: {nhs: '\(rule)'}")
        let dataset = try withExtendedLifetime(folder) { try source.load(seed: 1) }
        #expect(dataset.featureNames == ["a", "b"] && dataset.train.count == 3)
        let rows = try withExtendedLifetime(folder) { try source.rows(using: dataset.preprocessing) }
        // The owner has said what it is: it is not among the columns that nobody mentioned.
        #expect(rows.passedOver.isEmpty && rows.examples.count == 3)
    }

    @Test func aCodeTellsRowsApartAndIsAllThatIsKept() throws {
        let (folder, source) = try source("identifiers: {nhs: 'keyed-hash'}, group: 'nhs'")
        let dataset = try withExtendedLifetime(folder) { try source.load(seed: 1, keep: ["nhs", "a"]) }
        #expect(Set(dataset.groupNames) == ["X476", "X222"])
        #expect(dataset.kept.train == [["X476", "1"], ["X222", "2"], ["X476", "3"]])
    }

    @Test(
        "It plays no other part",
        arguments: [
            "identifiers: {nhs: 'drop'}, group: 'nhs'", "identifiers: {y: 'drop'}",
            "identifiers: {y: 'keyed-hash'}", "identifiers: {a: 'keyed-hash'}, features: ['a', 'b']",
            "identifiers: {nhs: 'drop'}, categorical: {nhs: 'one_hot'}",
            "identifiers: {nhs: 'keyed-hash'}, features: ['nhs', 'b']",
        ])
    func otherParts(keys: String) throws {
        let (folder, source) = try source(keys)
        let error = withExtendedLifetime(folder) {
            #expect(throws: ConfigurationError.self) { try source.load(seed: 1) }
        }
        // The file's name may hold any digits.
        let text = "\(try #require(error))".replacing(folder.path, with: "")
        #expect(text.contains("identifiers") && !text.contains("476"), "\(text)")
    }

    @Test func aDroppedColumnIsNotKept() throws {
        let (folder, source) = try source("identifiers: {nhs: 'drop'}")
        withExtendedLifetime(folder) {
            _ = #expect(throws: ConfigurationError.self) { try source.load(seed: 1, keep: ["nhs"]) }
        }
    }

    /// What a task learnt from elsewhere is refused here where the owner calls it an identifier.
    @Test(arguments: ["drop", "keyed-hash"]) func aTaskCannotAskForIt(rule: String) throws {
        let (first, plain) = try source("ignore: ['nhs']")
        let schema = try withExtendedLifetime(first) { try plain.load(seed: 1).preprocessing }
        let (folder, careful) = try source("identifiers: {a: '\(rule)'}")
        withExtendedLifetime(folder) {
            let error = #expect(throws: ConfigurationError.self) { try careful.rows(using: schema) }
            #expect("\(error.map(String.init(describing:)) ?? "")".contains("identifiers"))
        }
    }

    @Test func aNameWrittenWrongAndAMissingKeyAreRefused() throws {
        let (folder, wrong) = try source("identifiers: {nsh: 'drop'}")
        let (other, keyless) = try source("identifiers: {nhs: 'keyed-hash'}", hashes: false)
        withExtendedLifetime((folder, other)) {
            let error = #expect(throws: ConfigurationError.self) { try wrong.load(seed: 1) }
            #expect("\(error.map(String.init(describing:)) ?? "")".contains("did you mean \"nhs\""))
            _ = #expect(throws: ConfigurationError.self) { try keyless.load(seed: 1) }
        }
        #expect(throws: ConfigurationError.self) { try source("identifiers: {nhs: 'hash'}") }
    }

    /// A row that cannot be read is told to the owner without what is in such a column.
    @Test func noMessageRepeatsIt() throws {
        let text = "nhs,a,b,y\n943-476,x,10,sick\n"
        let (folder, source) = try source("identifiers: {nhs: 'keyed-hash'}, group: 'nhs'", text)
        withExtendedLifetime(folder) {
            let error = #expect(throws: ConfigurationError.self) { try source.load(seed: 1) }
            let message = "\(error.map(String.init(describing:)) ?? "")"
            #expect(message.contains("\"x\"") && !message.contains("476"), "\(message)")
        }
    }
}
