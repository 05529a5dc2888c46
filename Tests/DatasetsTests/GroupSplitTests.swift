import Compute
import Configuration
import Testing

@testable import Datasets

/// Which rows train, validate and test where groups are kept whole.
@Suite struct GroupSplitTests {
    /// 500 rows of 23 groups of very different sizes.
    private static let groups: [Int32] = (0..<500).map { Int32($0 * $0 % 1009 % 29 % 23) }

    private func split(_ keys: String) throws -> Split {
        try Split(Section(JSONValue(json5: "{\(keys)}".utf8, source: "test"), path: "split"))
    }

    private func parts(_ keys: String, groups: [Int32]? = groups, seed: UInt64 = 1) throws -> Split.Parts {
        try split(keys).parts(
            count: groups?.count ?? 500, labels: nil, groups: groups, seed: seed, path: "t.csv")
    }

    private func names(_ rows: [Int32], _ groups: [Int32] = groups) -> Set<Int32> {
        Set(rows.map { groups[Int($0)] })
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func noGroupIsDivided(seed: UInt64) throws {
        let parts = try parts("by: 'group', test: 0.2, validation: 0.1", seed: seed)
        let all = parts.train + parts.validation + parts.test
        #expect(all.sorted() == Array(0..<500))
        #expect(names(parts.train).isDisjoint(with: names(parts.test)))
        #expect(names(parts.train).isDisjoint(with: names(parts.validation)))
        #expect(names(parts.validation).isDisjoint(with: names(parts.test)))
        // Shares hold to within a group, the largest of which has 42 rows.
        #expect(abs(parts.test.count - 100) <= 42 && abs(parts.validation.count - 50) <= 42)
    }

    @Test func theSeedDecidesWhichGroups() throws {
        let first = try parts("by: 'group', test: 0.3")
        #expect(try parts("by: 'group', test: 0.3") == first)
        #expect(try parts("by: 'group', test: 0.3", seed: 2) != first)
        #expect(try parts("by: 'group', test: 0.3, seed: 1", seed: 9) == first)
    }

    @Test(arguments: [2, 5, 23])
    func foldsHoldEveryGroupOnce(count: Int) throws {
        var seen: [Int32] = []
        for fold in 0..<count {
            let parts = try parts("by: 'group', folds: \(count), fold: \(fold)")
            #expect(names(parts.train).isDisjoint(with: names(parts.test)))
            #expect(!parts.test.isEmpty && parts.train.count + parts.test.count == 500)
            seen += parts.test
        }
        #expect(seen.sorted() == Array(0..<500))
    }

    @Test func aFewGroupsStillLeaveSomethingToTrainOn() throws {
        let two: [Int32] = Array(repeating: 0, count: 99) + [1]
        let parts = try parts("by: 'group', test: 0.2", groups: two)
        #expect(parts.test == [99] && parts.train.count == 99)
    }

    @Test(arguments: [
        ("by: 'group', test: 0.2", [Int32](repeating: 0, count: 9), "1 group is too few"),
        ("by: 'group', folds: 3", [0, 0, 1, 1], "2 groups are too few"),
        ("by: 'group', test: 0.2", nil, "group"),
    ])
    func whatCannotBeDividedIsRefused(keys: String, groups: [Int32]?, mention: String) throws {
        for fold in keys.contains("folds") ? [2] : [0] {
            let keys = keys.contains("folds") ? keys + ", fold: \(fold)" : keys
            let failure = #expect(throws: ConfigurationError.self) { try parts(keys, groups: groups) }
            #expect(failure?.problem.contains(mention) == true)
        }
    }

    @Test(arguments: ["by: 'group', stratified: true, test: 0.2", "by: 'person', test: 0.2"])
    func contradictionsAreRefused(keys: String) throws {
        #expect(throws: ConfigurationError.self) { try split(keys) }
    }

    /// Through a data section: columns, files, and a schema that knows nothing of groups.
    @Test func subjectsOfTheTestAreNeverTrainedOn() throws {
        let folder = try InputFolder()
        let rows = (0..<60).map { "\($0),s\($0 % 7),\($0 % 2)" }.joined(separator: "\n")
        try folder.write("t.csv", "a,who,y\n\(rows)\n")
        let source = try folder.source(
            "{format: 'csv', path: 't.csv', label: 'y', group: 'who', split: {by: 'group', test: 0.3}}")
        let data = try source.load(seed: 1)
        let test = try #require(data.test)
        let subjects = { (examples: Examples) in Set(examples.numbers.map { Int($0) % 7 }) }
        #expect(subjects(data.train).isDisjoint(with: subjects(test)) && test.count > 5)
        #expect(Set(data.groupNames) == Set(subjects(data.train).map { "s\($0)" }))
        let again = try source.load(seed: 1, preprocessing: data.preprocessing)
        #expect(again.test?.numbers == test.numbers && again.groupNames == data.groupNames)
    }

    @Test func targetsAreScaledAndTheirScaleKept() throws {
        let text = "a,y\n1,10\n2,20\n3,30\n4,40\n"
        let keys = "label: 'y', task: 'regression', normalize_label: "
        let data = try InputFolder().load(text, keys + "'standardize'")
        let scale = try #require(data.preprocessing.targetScale)
        #expect(scale.center == 25 && abs(scale.scale - 125.0.squareRoot()) < 1e-12)
        #expect(
            data.train.values.map { Double($0) * scale.scale + scale.center }.map {
                ($0 * 1000).rounded() / 1000
            } == [10, 20, 30, 40])
        #expect(try Preprocessing(data.preprocessing.json) == data.preprocessing)
        #expect(
            try InputFolder().load(text, keys + "{range: [0, 100]}").train.values == [0.1, 0.2, 0.3, 0.4])
        #expect(
            try InputFolder().load(text, keys + "'min_max'").train.values == [
                0, Float(1.0 / 3), Float(2.0 / 3), 1,
            ])
        let plain = try InputFolder().load(text, "label: 'y', task: 'regression'")
        #expect(plain.preprocessing.targetScale == nil && plain.train.values == [10, 20, 30, 40])
        if case .object(let members) = plain.preprocessing.json { #expect(members["target"] == nil) }
        for keys in [
            "label: 'y', normalize_label: 'standardize', classes: 2",
            "label: 'y', normalize_label: 'min_max'",
        ] {
            #expect(throws: ConfigurationError.self) { try InputFolder().load("a,y\n1,0\n2,1\n", keys) }
        }
    }
}
