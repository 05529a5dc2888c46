import Compute
import Configuration
import Foundation
import Testing

@testable import Datasets

@Suite struct ImageFolderTests {
    /// A grey PGM of 2 by 2 pixels of one value.
    private func grey(_ value: UInt8) -> [UInt8] {
        Array("P5 2 2 255\n".utf8) + [value, value, value, value]
    }

    /// A PNG of 2 by 2 pixels of one colour.
    private func colored(_ red: Int, _ green: Int, _ blue: Int) -> [UInt8] {
        PNGWriter(
            width: 2, height: 2, depth: 8, color: 2,
            samples: Array(repeating: [red, green, blue], count: 4).flatMap { $0 }
        ).file
    }

    private func folder(_ files: [String: [UInt8]]) throws -> InputFolder {
        let folder = try InputFolder()
        for (name, bytes) in files {
            let parent = (folder.path + "/" + name as NSString).deletingLastPathComponent
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
            try folder.write(name, bytes)
        }
        return folder
    }

    private func refusal(_ folder: InputFolder, _ keys: String = "path: '.'", with: Preprocessing? = nil)
        throws -> String
    {
        do {
            _ = try folder.source("{format: 'images', \(keys)}").load(seed: 1, preprocessing: with)
            return ""
        } catch let error as ConfigurationError {
            return error.description.replacingOccurrences(of: folder.path + "/", with: "")
        }
    }

    @Test func readsFoldersOfClassesInTheOrderOfTheirNames() throws {
        let folder = try folder([
            "cat/b.pgm": grey(2), "cat/a.PGM": grey(1), "dog/a.pgm": grey(3), "ant/z.pgm": grey(4),
            ".hidden/x.pgm": grey(9), "cat/.x.pgm": grey(9),
        ])
        try folder.compress("ant/z.pgm")
        let data = try folder.source("{format: 'images', path: '.'}").load(seed: 1)
        #expect(data.classNames == ["ant", "cat", "dog"])
        #expect(data.train.featureShape == [1, 2, 2])
        #expect(data.train.classes == [0, 1, 1, 2])
        guard case .bytes(let pixels, let scale) = data.train.features else {
            return #expect(Bool(false), "bytes are kept")
        }
        #expect(scale == Float(1) / 255)
        #expect(pixels == [4, 1, 2, 3].flatMap { [UInt8](repeating: $0, count: 4) })
        #expect(data.warnings.isEmpty && data.trainGroups.isEmpty && data.test == nil)
    }

    @Test func classesThatAreNumbersAreInTheirOrder() throws {
        let folder = try folder(["9/a.pgm": grey(9), "10/a.pgm": grey(10)])
        let data = try folder.source("{format: 'images', path: '.'}").load(seed: 1)
        #expect(data.classNames == ["9", "10"])
        // Images are in the order of their files.
        #expect(data.train.classes == [1, 0])
        #expect(data.train.numbers[0] == 10 / Float(255))
        let counted = try folder.source("{format: 'images', path: '.', classes: 11}").load(seed: 1)
        #expect(counted.train.classes == [10, 9])
    }

    @Test func channelsConvert() throws {
        let folder = try folder(["a/1.pgm": grey(7), "a/2.png": colored(255, 0, 10)])
        #expect(
            try refusal(folder)
                == "./a/2.png: is coloured, but ./a/1.pgm is grey: channels: 1 or channels: 3 converts")
        let color = try folder.source("{format: 'images', path: '.', channels: 3}").load(seed: 1).train
        #expect(color.featureShape == [3, 2, 2])
        let bytes = color.numbers.map { UInt8(($0 * 255).rounded()) }
        #expect(bytes == [UInt8](repeating: 7, count: 12) + [255, 255, 255, 255, 0, 0, 0, 0, 10, 10, 10, 10])
        let grey = try folder.source("{format: 'images', path: '.', channels: 1}").load(seed: 1).train
        #expect(grey.featureShape == [1, 2, 2])
        #expect(grey.numbers.map { UInt8(($0 * 255).rounded()) } == [7, 7, 7, 7, 77, 77, 77, 77])
    }

    @Test func testFolderIsTheTestPart() throws {
        let folder = try folder(["train/a/1.pgm": grey(1), "train/b/1.pgm": grey(2), "test/b/1.pgm": grey(5)])
        let keys = "path: 'train', test_path: 'test'"
        let data = try folder.source("{format: 'images', \(keys)}").load(seed: 1)
        #expect(data.train.classes == [0, 1])
        #expect(data.test?.classes == [1])
        #expect(try refusal(folder, keys + ", split: {test: 0.5}").contains("split.test must go"))
        let rows = try folder.source("{format: 'images', \(keys)}")
            .rows(using: data.preprocessing, .init(testPart: true)).examples
        #expect(rows.numbers == data.test?.numbers && rows.classes == [1])
        try folder.write("test/b/1.pgm", Array("P5 1 4 255\nabcd".utf8))
        #expect(
            try refusal(folder, keys)
                == "test: holds images of shape [1, 4, 1], but those to train on are [1, 2, 2]")
    }

    @Test func outerFoldersAreClients() throws {
        let folder = try folder([
            "ann/cat/1.pgm": grey(1), "ann/dog/1.pgm": grey(2), "bob/dog/1.pgm": grey(3),
            "bob/readme.txt": [1],
        ])
        let data = try folder.source("{format: 'images', path: '.', group: 'folder'}").load(seed: 1)
        #expect(data.classNames == ["cat", "dog"])
        #expect(data.train.classes == [0, 1, 1])
        #expect(data.trainGroups == [0, 0, 1])
        #expect(data.groupNames == ["ann", "bob"])
        #expect(data.warnings.count == 1 && data.warnings[0].hasSuffix("PNG, PGM nor PPM by name left out"))
        let split = try folder.source(
            "{format: 'images', path: '.', group: 'folder', split: {by: 'group', test: 0.5}}"
        ).load(seed: 1)
        #expect(split.groupNames.count == 1 && split.test?.count == 3 - split.train.count)
    }

    /// The classes of a model are found by their names, in its order, and images without classes are read for it.
    @Test func aModelsClassesAreFoundByName() throws {
        let schema = Preprocessing.images(center: 0, scale: 1, classNames: ["dog", "cat", "ant"])
        let folder = try folder(["own/cat/1.pgm": grey(1), "own/dog/1.pgm": grey(2), "new/1.pgm": grey(3)])
        let own = try folder.source("{format: 'images', path: 'own'}")
        #expect(try own.load(seed: 1, preprocessing: schema).train.classes == [1, 0])
        #expect(try own.rows(using: schema).examples.classes == [1, 0])
        let new = try folder.source("{format: 'images', path: 'new'}")
        let rows = try new.rows(using: schema).examples
        guard case .values(_, let width) = rows.targets else { return #expect(Bool(false), "no labels") }
        #expect(width == 0 && rows.numbers == [Float](repeating: 3 * (1 / Float(255)), count: 4))
        #expect(throws: ConfigurationError.self) {
            _ = try new.rows(using: schema, .init(requiresLabel: true))
        }
        let others = Preprocessing.images(center: 0, scale: 1, classNames: ["cat"])
        #expect(
            try refusal(folder, "path: 'own'", with: others)
                == "own: has a folder \"dog\", which is none of the classes: \"cat\"")
        #expect(throws: ConfigurationError.self) { _ = try own.rows(using: others) }
        let tolerated = try own.rows(using: others, .init(toleratesLabels: true)).examples
        guard case .values = tolerated.targets else { return #expect(Bool(false), "no labels") }
    }

    @Test func refusesInOneLine() throws {
        func folder(_ files: [String: [UInt8]]) throws -> InputFolder { try self.folder(files) }
        let sizes = try folder([
            "d/a/1.pgm": grey(1),
            "d/a/2.png": PNGWriter(
                width: 3, height: 1, depth: 8, color: 0, samples: [1, 2, 3]
            ).file,
        ])
        let message = try refusal(sizes, "path: 'd'")
        #expect(
            message == "d/a/2.png: is 3 by 1 pixels, but d/a/1.pgm is 2 by 2: all must have one size")
        #expect(
            try refusal(folder(["d/a/1.png": Array(colored(1, 2, 3).dropLast(3))]), "path: 'd'")
                == "d/a/1.png: is damaged or truncated: it has no end")
        #expect(
            try refusal(folder(["d/a/1.jpg": [0xFF]]), "path: 'd'")
                == "d/a/1.jpg: is a .jpg file: images are read as PNG, PGM or PPM")
        #expect(
            try refusal(folder(["d/1.pgm": grey(1)]), "path: 'd'")
                == "d: holds images themselves; it should hold one folder a class")
        #expect(
            try refusal(folder(["d/a/b/1.pgm": grey(1)]), "path: 'd'")
                == "d: holds no image such as CLASS/IMAGE.png")
        #expect(
            try refusal(folder(["d/a/1.pgm": grey(1)]), "path: 'd', group: 'folder'")
                == "d: holds no image such as CLIENT/CLASS/IMAGE.png")
        #expect(
            try refusal(folder([:]), "path: 'd'") == "d: no such folder; it should hold one folder a class")
        #expect(try refusal(folder([:]), "path: 'd', channels: 2").contains("data.channels"))
        #expect(try refusal(folder([:]), "path: 'd', group: 'x'").contains("data.group"))
        #expect(try refusal(folder([:]), "path: 'd', images: 'x'").contains("images"))
    }

    /// More images than one worker takes at once; of several faults the first is told.
    @Test func manyImagesAreInOrderAndTheFirstFaultIsTold() throws {
        let names = (0..<150).map { "d/a/\(String(1000 + $0)).pgm" }
        let folder = try folder(
            Dictionary(uniqueKeysWithValues: zip(names, (0..<150).map { grey(UInt8($0)) })))
        let data = try folder.source("{format: 'images', path: 'd'}").load(seed: 1)
        let levels: [UInt8] = data.train.numbers.map { UInt8(($0 * 255).rounded()) }
        let expected: [UInt8] = (0..<600).map { UInt8($0 / 4) }
        #expect(levels == expected)
        try folder.write(names[140], [1])
        try folder.write(names[70], Array("P5 2 2 255\nabc".utf8))
        try folder.write(names[69], Array("P2 1 1 1 1".utf8))
        #expect(try refusal(folder, "path: 'd'").hasPrefix(names[69] + ": is 1 by 1 pixels"))
    }
}
