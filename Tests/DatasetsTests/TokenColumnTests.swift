import Compute
import Configuration
import Testing

@testable import Datasets

/// A column whose categories are tokens: what a table of ratings is for a model that begins with an embedding.
@Suite struct TokenColumnTests {
    private static let ratings = "user,item,rating\n1,b,4.5\n1,a,3\n2,c,1.5\n2,a,2\n3,b,5\n"
    private static let keys =
        "label: 'rating', task: 'regression', features: ['item'], categorical: {item: 'token'}, group: 'user'"

    private func tokens(_ examples: Examples) -> (values: [Int32], vocabulary: Int)? {
        if case .tokens(let values, let vocabulary) = examples.features { (values, vocabulary) } else { nil }
    }

    @Test func categoriesAreTokensAndUsersClients() throws {
        let dataset = try InputFolder().load(Self.ratings, Self.keys)
        let found = try #require(tokens(dataset.train))
        #expect(found.values == [1, 0, 2, 0, 1] && found.vocabulary == 4)
        #expect(dataset.train.featureShape == [1] && dataset.groupNames == ["1", "2", "3"])
        #expect(dataset.trainGroups == [0, 0, 1, 1, 2])
        guard case .values(let targets, width: 1) = dataset.train.targets else {
            Issue.record("ratings are values")
            return
        }
        #expect(targets == [4.5, 3, 1.5, 2, 5])
    }

    /// Other rows are read by the training's items, and what it did not know is the last token.
    @Test(arguments: [("zero", true), ("error", false)])
    func anUnknownItemIsATokenOfItsOwn(unknown: String, isRead: Bool) throws {
        let folder = try InputFolder()
        let schema = try folder.load(Self.ratings, Self.keys + ", unknown_category: '\(unknown)'")
            .preprocessing
        #expect(try Preprocessing(schema.json) == schema)
        try folder.write("t.csv", "item,rating\nc,1\nnew,2\nb,3\n")
        let source = try folder.source("{format: 'csv', path: 't.csv', label: 'rating'}")
        guard isRead else {
            #expect(throws: ConfigurationError.self) { try source.rows(using: schema) }
            return
        }
        let found = try #require(tokens(try source.rows(using: schema).examples))
        #expect(found.values == [2, 3, 1] && found.vocabulary == 4)
    }

    @Test func tokensAreTheOnlyFeature() throws {
        let keys = "label: 'rating', task: 'regression', categorical: {item: 'token'}"
        #expect(try InputFolder().refusal(Self.ratings, keys).contains("must be the only feature"))
    }

    @Test(arguments: [
        "{kind: 'table', tokens: true, columns: [{name: 'a', encoding: 'numeric'}]}",
        "{kind: 'table', tokens: true, columns: []}",
        "{kind: 'table', tokens: 3, columns: [{name: 'a', encoding: 'ordinal', categories: ['x']}]}",
    ])
    func aSchemaOfOtherTokensIsRefused(text: String) throws {
        let json = try JSONValue(json5: text.utf8, source: "test")
        #expect(throws: ConfigurationError.self) { try Preprocessing(json) }
    }

    @Test func tokensAndNumbersDiffer() throws {
        let tokens = try InputFolder().load(Self.ratings, Self.keys).preprocessing
        let numbers = try InputFolder().load(
            Self.ratings, Self.keys.replacing("'token'", with: "'ordinal'")
        ).preprocessing
        #expect(tokens.difference(from: numbers) != nil && numbers.difference(from: tokens) != nil)
        #expect(tokens.difference(from: tokens) == nil)
    }
}
