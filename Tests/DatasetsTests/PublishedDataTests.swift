import Compute
import Configuration
import Datasets
import Foundation
import TestSupport
import Testing

/// The published data sets, where they lie beside the checkout; skipped, saying so, where they do not.
@Suite(
    .enabled(
        if: Vectors.sharedFolder != nil, "needs the folder shared/data beside the checkout, or SORDINO_SHARED"
    ))
struct PublishedDataTests {
    private func load(_ json5: String) throws -> Dataset {
        let folder = try #require(Vectors.sharedFolder).appendingPathComponent("data").path
        return try DataSource(JSONValue(json5: json5.utf8, source: "test"), path: "data", folder: folder)
            .load(seed: 1)
    }

    private func histogram(_ data: Dataset) -> [Int] {
        let all = data.train.classes + (data.test?.classes ?? [])
        return data.classNames.indices.map { name in all.count { $0 == name } }
    }

    @Test func digits() throws {
        let data = try load(
            "{format: 'csv', path: 'digits/digits.csv.gz', label: -1, shape: [8, 8], normalize: {range: [0, 16]}, split: {test: 0.2}}"
        )
        #expect(data.train.count + (data.test?.count ?? 0) == 1797)
        #expect(data.train.featureShape == [8, 8])
        #expect(histogram(data) == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
        #expect(data.train.numbers.allSatisfy { (0...1).contains($0) })
    }

    @Test func breastCancer() throws {
        let data = try load(
            "{format: 'csv', path: 'breast-cancer/breast_cancer.csv', skip_lines: 1, label: 30, normalize: 'standardize'}"
        )
        #expect(data.train.featureCount == 30)
        #expect(histogram(data) == [212, 357])
    }

    @Test func heartDiseaseOfFourHospitals() throws {
        let data = try load(
            """
            {format: 'csv', path: 'heart-disease/processed.*.data', group: 'file', label: 'num', label_threshold: 0,
             column_names: ['age', 'sex', 'cp', 'trestbps', 'chol', 'fbs', 'restecg', 'thalach', 'exang', 'oldpeak',
                            'slope', 'ca', 'thal', 'num'],
             missing_in: {chol: [0]}, on_missing: 'median', missing_indicator: true, normalize: 'standardize',
             categorical: {cp: 'one_hot', restecg: 'one_hot', slope: 'one_hot', thal: 'one_hot'}}
            """)
        #expect(data.train.count == 920)
        #expect(histogram(data) == [411, 509])
        let sizes = data.groupNames.indices.map { group in data.trainGroups.count { $0 == group } }
        #expect(
            data.groupNames.map { $0.split(separator: ".")[1] } == [
                "cleveland", "hungarian", "switzerland", "va",
            ])
        #expect(sizes == [303, 294, 123, 200])
        let cholesterol = try #require(data.featureNames.firstIndex(of: "chol missing"))
        let width = data.train.featureCount
        #expect((0..<920).count { data.train.numbers[$0 * width + cholesterol] == 1 } == 30 + 172)
    }

    @Test func activities() throws {
        let data = try load(
            "{format: 'arff', path: 'wisdm/WISDM_ar_v1.1_transformed.arff', label: 'class', group: 'user', ignore: [0], on_missing: 'mean'}"
        )
        #expect(data.train.count == 5418)
        #expect(data.train.featureCount == 43)
        #expect(data.groupNames.count == 36)
        #expect(Dictionary(uniqueKeysWithValues: zip(data.classNames, histogram(data)))["Walking"] == 2081)
    }

    @Test func writersOfDigits() throws {
        let data = try load(
            "{format: 'idx', path: 'mnist', groups: {path: 'mnist-writers/qmnist-train-labels-idx2-int', column: 2}}"
        )
        #expect(data.train.count == 60_000 && data.test?.count == 10_000)
        #expect(data.groupNames.count == 539)
        guard case .bytes(let pixels, _) = data.train.features else {
            return #expect(Bool(false), "bytes are kept")
        }
        let total = pixels.withUnsafeBufferPointer { $0.reduce(0) { $0 + Int($1) } }
        #expect(abs(Double(total) / 255 / Double(pixels.count) - 0.130660) < 1e-6)
    }

    @Test func articles() throws {
        let data = try load("{format: 'idx', path: 'fashion-mnist', classes: 10}")
        #expect(histogram(data) == Array(repeating: 7000, count: 10))
    }

    /// The speakers are those that the data set's own page counts.
    @Test func tinyShakespeare() throws {
        let data = try load(
            "{format: 'text', path: 'tinyshakespeare/input.txt', tokenizer: {kind: 'character'}, length: 80, group: {pattern: '*:'}}"
        )
        // Ten ghosts have a name of their own and no text.
        #expect(
            data.warnings.count == 1
                && data.warnings[0].hasSuffix("10 clients with fewer than 2 tokens left out"))
        #expect(data.groupNames.count == 299 && data.groupNames.contains("DUKE VINCENTIO"))
        guard case .text(let text) = data.preprocessing, case .tokens(let targets, _, _) = data.train.targets
        else {
            Issue.record("no text")
            return
        }
        #expect(text.tokenizer.size <= 66)
        // Characters of speech by client: each sequence has one more than its targets where it is the first.
        var sizes = [Int](repeating: 1, count: data.groupNames.count)
        for (row, group) in data.trainGroups.enumerated() {
            sizes[Int(group)] += targets[row * 80..<(row + 1) * 80].count { $0 >= 0 }
        }
        #expect(sizes.count { $0 >= 1000 } == 141 && sizes.count { $0 >= 5000 } == 64)
    }
}
