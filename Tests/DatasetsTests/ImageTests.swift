import Compute
import Configuration
import Testing

@testable import Datasets

@Suite struct ImageTests {
    private func header(_ type: UInt8, _ shape: [Int]) -> [UInt8] {
        [0, 0, type, UInt8(shape.count)]
            + shape.flatMap { size in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: size >> $0) } }
    }

    /// Four 2 by 2 training images, two test images, and groups 5, 9, 5, 9.
    private func folder() throws -> InputFolder {
        let folder = try InputFolder()
        try folder.write("train-images-idx3-ubyte", header(8, [4, 2, 2]) + (0..<16).map { $0 * 17 })
        try folder.write("train-labels-idx1-ubyte", header(8, [4]) + [0, 1, 2, 1])
        try folder.write("t10k-images-idx3-ubyte", header(8, [2, 2, 2]) + [UInt8](repeating: 255, count: 8))
        try folder.write("t10k-labels-idx1-ubyte", header(8, [2]) + [2, 0])
        let groups = ([5, 9, 5, 9] as [UInt8]).flatMap { [0, 0, 0, 1, 0, 0, 0, $0] as [UInt8] }
        try folder.write("groups-idx2-int", header(12, [4, 2]) + groups)
        return folder
    }

    @Test(arguments: [false, true])
    func readsTheFourFiles(compressed: Bool) throws {
        let folder = try folder()
        if compressed {
            for part in ["train", "t10k"] {
                try folder.compress("\(part)-images-idx3-ubyte")
                try folder.compress("\(part)-labels-idx1-ubyte")
            }
        }
        let source = try folder.source(
            "{format: 'idx', path: '.', groups: {path: 'groups-idx2-int', column: 1}}")
        let data = try source.load(seed: 1)
        #expect(data.train.featureShape == [2, 2])
        #expect(data.train.numbers[15] == 1 && data.train.numbers[0] == 0)
        guard case .bytes(_, let scale) = data.train.features else {
            return #expect(Bool(false), "bytes are kept")
        }
        #expect(scale == Float(1) / 255)
        #expect(data.train.classes == [0, 1, 2, 1])
        #expect(data.test?.classes == [2, 0])
        #expect(data.classNames == ["0", "1", "2"])
        #expect(data.groupNames == ["5", "9"])
        #expect(data.trainGroups == [0, 1, 0, 1])
    }

    @Test func normalizesByTrainingPixels() throws {
        let folder = try folder()
        let data = try folder.source("{format: 'idx', path: '.', normalize: 'standardize', shape: [1, 4]}")
            .load(seed: 1)
        let numbers = data.train.numbers.map(Double.init)
        #expect(abs(numbers.reduce(0, +)) < 1e-5)
        #expect(abs(numbers.reduce(0) { $0 + $1 * $1 } / 16 - 1) < 1e-5)
        #expect(data.train.featureShape == [1, 4])
        let json = try JSONValue(json5: data.preprocessing.json.text().utf8, source: "test")
        let again = try Preprocessing(json)
        #expect(again == data.preprocessing)
        let examples = try folder.source("{format: 'idx', path: '.'}")
            .rows(using: again, .init(testPart: true))
            .examples
        #expect(examples.numbers == data.test?.numbers)
    }

    /// Images of several channels, [images, channels, height, width], keep their shape.
    @Test func readsImagesOfChannels() throws {
        let folder = try InputFolder()
        let bytes = (0..<36).map { UInt8($0) }
        try folder.write("i", header(8, [2, 3, 2, 3]) + bytes)
        try folder.write("l", header(8, [2]) + [1, 0])
        let data = try folder.source("{format: 'idx', path: '.', images: 'i', labels: 'l'}").load(seed: 1)
        #expect(data.train.featureShape == [3, 2, 3])
        guard case .bytes(let pixels, _) = data.train.features else {
            return #expect(Bool(false), "bytes are kept")
        }
        #expect(pixels == bytes)
    }

    @Test func refusesDamagedFiles() throws {
        let good = header(8, [4, 2, 2]) + (0..<16)
        func refusal(_ bytes: [UInt8]) -> String {
            do {
                _ = try IDXFile(bytes, file: "f")
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(refusal(good).isEmpty)
        for length in 0..<good.count {
            #expect(refusal(Array(good[..<length])).contains("t"), "cut at \(length)")
        }
        #expect(
            refusal(Array(good.dropLast()))
                == "f: is truncated: [4, 2, 2] needs 16 bytes after the header, but there are 15")
        #expect(refusal(good + [0]).hasPrefix("f: is too long"))
        #expect(
            refusal([0, 0, 13, 1, 0, 0, 0, 0])
                == "f: is not an IDX file of bytes or 32-bit numbers: it begins with 0x00000d01")
        let huge = [0xFF, 0xFF, 0xFF, 0xFF] as [UInt8]
        #expect(refusal([0, 0, 12, 4] + huge + huge + huge + huge).contains("impossible size"))
    }

    @Test(arguments: [
        ("train-labels-idx1-ubyte", [UInt8(0), 1, 2], "must hold 4 labels"),
        ("train-labels-idx1-ubyte", [0, 1, 2, 3], "label 3 of image 3 is out of range: there are 3 classes"),
        ("t10k-labels-idx1-ubyte", [9, 0], "label 9 of image 0 is out of range: there are 3 classes"),
    ])
    func refusesWrongLabels(name: String, labels: [UInt8], problem: String) throws {
        let folder = try folder()
        try folder.write(name, header(8, [labels.count]) + labels)
        let failure = #expect(throws: ConfigurationError.self) {
            try folder.source("{format: 'idx', path: '.', classes: 3}").load(seed: 1)
        }
        #expect(failure?.problem.hasPrefix(problem) == true)
        #expect(failure?.path.hasSuffix(name) == true)
    }

    @Test func namesWhatIsMissing() throws {
        let folder = try InputFolder()
        let failure = #expect(throws: ConfigurationError.self) {
            try folder.source("{format: 'idx', path: '.'}").load(seed: 1)
        }
        #expect(failure?.path.hasSuffix("train-images-idx3-ubyte") == true)
        #expect(throws: ConfigurationError.self) {
            try folder.source("{format: 'idx', path: 'nowhere'}").load(seed: 1)
        }
    }
}
