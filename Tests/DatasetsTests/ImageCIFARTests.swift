import Compute
import Configuration
import Foundation
import Testing

@testable import Datasets

@Suite struct ImageCIFARTests {
    /// Records of these labels; byte i of record r is r + i, cut to a byte.
    private func records(_ labels: [[UInt8]], from first: Int = 0) -> [UInt8] {
        labels.enumerated().flatMap { row, label in
            label + (0..<3072).map { UInt8(truncatingIfNeeded: first + row + $0) }
        }
    }

    /// Five batches of two images each, and a test batch of one.
    private func ten() throws -> InputFolder {
        let folder = try InputFolder()
        for batch in 1...5 {
            let labels = [[UInt8(batch)], [UInt8(batch + 4)]]
            try folder.write("data_batch_\(batch).bin", records(labels, from: 2 * batch))
        }
        try folder.write("test_batch.bin", records([[3]], from: 99))
        return folder
    }

    private func refusal(_ folder: InputFolder, _ keys: String = "") throws -> String {
        do {
            _ = try folder.source("{format: 'cifar', path: '.'\(keys)}").load(seed: 1)
            return ""
        } catch let error as ConfigurationError {
            return error.description.replacingOccurrences(of: folder.path + "/./", with: "")
        }
    }

    @Test(arguments: [false, true]) func readsTheBatchesInOrder(compressed: Bool) throws {
        let folder = try ten()
        if compressed {
            for batch in 1...5 { try folder.compress("data_batch_\(batch).bin") }
            try folder.compress("test_batch.bin")
        }
        let source = try folder.source("{format: 'cifar', path: '.'}")
        let data = try source.load(seed: 1)
        #expect(data.train.featureShape == [3, 32, 32])
        #expect(data.train.classes == [1, 5, 2, 6, 3, 7, 4, 8, 5, 9])
        #expect(data.classNames == (0..<10).map { "\($0)" })
        guard case .bytes(let pixels, _) = data.train.features else {
            return #expect(Bool(false), "bytes are kept")
        }
        let expected = (0..<10).flatMap { row in
            (0..<3072).map { UInt8(truncatingIfNeeded: row + 2 + $0) }
        }
        #expect(pixels == expected)
        #expect(data.test?.classes == [3])
        #expect(data.test?.numbers.first == 99 * (1 / Float(255)))
        #expect(try source.rows(using: data.preprocessing, .init(testPart: true)).examples.classes == [3])
        #expect(try source.rows(using: data.preprocessing).examples.count == 10)
    }

    @Test(arguments: [
        ("", [11, 99], 100), (", labels: 'fine'", [11, 99], 100), (", labels: 'coarse'", [1, 19], 20),
    ])
    func readsEitherLabel(_ keys: String, _ labels: [Int32], _ count: Int) throws {
        let folder = try InputFolder()
        try folder.write("train.bin", records([[1, 11], [19, 99]]))
        try folder.write("test.bin", records([[0, 0]]))
        let data = try folder.source("{format: 'cifar', path: '.'\(keys)}").load(seed: 1)
        #expect(data.train.classes == labels)
        #expect(data.classNames.count == count)
        #expect(data.train.numbers[0] == 0 && data.train.numbers[3072] == 1 / Float(255))
    }

    @Test func namesComeFromTheDataSetsOwnFile() throws {
        let folder = try ten()
        let names = (0..<10).map { "kind \($0)" }
        try folder.write("batches.meta.txt", names.joined(separator: "\n") + "\n\n")
        #expect(try folder.source("{format: 'cifar', path: '.'}").load(seed: 1).classNames == names)
        try folder.write("batches.meta.txt", "one\ntwo\n")
        #expect(try folder.source("{format: 'cifar', path: '.'}").load(seed: 1).classNames.last == "9")
    }

    @Test func refusesInOneLine() throws {
        let folder = try ten()
        #expect(
            try refusal(folder, ", labels: 'fine'").contains("holds CIFAR-10, which has one label an image"))
        #expect(try refusal(folder, ", labels: 'both'").contains("data.labels"))
        #expect(
            try refusal(folder, ", classes: 5")
                == "data_batch_1.bin: label 5 of image 1 is out of range: there are 5 classes")
        try folder.write("data_batch_4.bin", records([[4]]) + [1, 2])
        #expect(
            try refusal(folder)
                == "data_batch_4.bin: is damaged or truncated: 3075 bytes are not whole images of 3073")
        try folder.write("data_batch_4.bin", [])
        #expect(try refusal(folder).hasPrefix("data_batch_4.bin: is damaged or truncated: 0 bytes"))
        try FileManager.default.removeItem(atPath: folder.path + "/data_batch_4.bin")
        #expect(try refusal(folder).hasPrefix("data_batch_4.bin: no such file"))
        try folder.write("train.bin", [])
        #expect(try refusal(folder).contains("CIFAR-10 and CIFAR-100 in one"))
        #expect(try refusal(InputFolder()).contains("holds neither data_batch_1.bin"))
        let nowhere = try InputFolder()
        #expect(throws: ConfigurationError.self) {
            _ = try nowhere.source("{format: 'cifar', path: 'x'}").load(seed: 1)
        }
    }
}
