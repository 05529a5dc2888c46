internal import Configuration
internal import Dispatch
internal import FoundationEssentials
internal import Synchronization

/// Images, labels and natural clients in IDX files: [images, height, width] or [images, channels, height, width].
struct IDXImages: ImageFiles {
    /// Natural clients: a column of an IDX file of 32-bit numbers whose rows go with the training images.
    struct Groups: Sendable {
        let path: String
        let column: Int
    }

    let path: String
    let images: String?
    let labels: String?
    let testImages: String?
    let testLabels: String?
    let groups: Groups?

    /// Reads the keys of a data section of format `idx`.
    init(_ section: Section, path: String) throws {
        self.path = path
        images = try section.string("images")
        labels = try section.string("labels")
        testImages = try section.string("test_images")
        testLabels = try section.string("test_labels")
        guard (images == nil) == (labels == nil), (testImages == nil) == (testLabels == nil) else {
            throw section.error("labels", "images and labels go together: name both or neither")
        }
        if let inner = try section.section("groups") {
            guard let path = try inner.string("path") else { throw inner.error("path", "is missing") }
            groups = Groups(path: path, column: try inner.integer("column", in: 0...1023) ?? 0)
            try inner.finish()
        } else {
            groups = nil
        }
    }

    func load(folder: String, classes: [String]?) throws -> (train: ImageSet, test: ImageSet?) {
        let files = try trainFiles(folder)
        let testFiles = try testFiles(folder)
        var sets = try Self.read([files] + (testFiles.map { [$0] } ?? []))
        if let groups = try naturalGroups(count: sets[0].table.count, folder: folder) {
            (sets[0].groups, sets[0].groupNames) = groups
        }
        return (sets[0], sets.count > 1 ? sets[1] : nil)
    }

    func part(_ use: DataSource.Use, folder: String, classes: [String]) throws -> ImageSet {
        var files = try trainFiles(folder)
        if use.testPart, let test = try testFiles(folder) { files = test }
        return try Self.set(files)
    }

    private typealias Pair = (images: String, labels: String)

    /// The images of these files, read at the same time. Throws what the first of them cannot be read for.
    private static func read(_ pairs: [Pair]) throws -> [ImageSet] {
        let outcomes = Mutex([Result<ImageSet, any Error>?](repeating: nil, count: pairs.count))
        DispatchQueue.concurrentPerform(iterations: pairs.count) { index in
            let outcome = Result { try set(pairs[index]) }
            outcomes.withLock { $0[index] = outcome }
        }
        return try outcomes.withLock { try $0.compactMap { try $0?.get() } }
    }

    /// Reads images and labels; both must have the same number of entries.
    private static func set(_ files: Pair) throws -> ImageSet {
        let file = try IDXFile(contentsOf: files.images)
        guard file.element == .byte, file.shape.count >= 2 else {
            throw ConfigurationError(
                path: files.images, problem: "must hold images of bytes, not values of shape \(file.shape)")
        }
        let (count, shape) = (file.shape[0], Array(file.shape.dropFirst()))
        guard count > 0, count <= Int(Int32.max), shape.allSatisfy({ $0 > 0 }) else {
            throw ConfigurationError(path: files.images, problem: "holds no images: shape \(file.shape)")
        }
        let labels = try IDXFile(contentsOf: files.labels)
        guard labels.element == .byte, labels.shape == [count] else {
            throw ConfigurationError(
                path: files.labels,
                problem:
                    "must hold \(count) labels of a byte, one an image, not values of shape \(labels.shape)"
            )
        }
        let table = ImageTable(
            count: count, shape: shape, pixels: file.values, labels: labels.values.map { Int32($0) })
        return ImageSet(table, imagePath: files.images, labelPath: files.labels)
    }

    /// The pair that is named, or the folder's own under MNIST's names with or without `train-`.
    private func trainFiles(_ folder: String) throws -> Pair {
        if let images, let labels { return (try named(images, folder), try named(labels, folder)) }
        if let pair = standard("train-", folder) ?? standard("", folder) { return pair }
        let expected = inFolder("train-images-idx3-ubyte", folder)
        guard FileManager.default.fileExists(atPath: InputFile.resolve(path, folder: folder)) else {
            throw ConfigurationError(
                path: InputFile.resolve(path, folder: folder),
                problem: "no such folder; it should hold the IDX files, such as train-images-idx3-ubyte.gz")
        }
        throw ConfigurationError(
            path: expected,
            problem: "no such file (nor with .gz), or its labels are missing; images and labels name others")
    }

    /// The test pair that is named, or the folder's own where the training pair is the folder's own too.
    private func testFiles(_ folder: String) throws -> Pair? {
        if let testImages, let testLabels {
            return (try named(testImages, folder), try named(testLabels, folder))
        }
        return images == nil ? standard("t10k-", folder) : nil
    }

    private func standard(_ prefix: String, _ folder: String) -> Pair? {
        guard let images = InputFile.existing(inFolder(prefix + "images-idx3-ubyte", folder)),
            let labels = InputFile.existing(inFolder(prefix + "labels-idx1-ubyte", folder))
        else { return nil }
        return (images, labels)
    }

    private func named(_ name: String, _ folder: String) throws -> String {
        guard let file = InputFile.existing(inFolder(name, folder)) else {
            throw InputFile.missing(inFolder(name, folder))
        }
        return file
    }

    private func inFolder(_ name: String, _ folder: String) -> String {
        InputFile.resolve(name, folder: InputFile.resolve(path, folder: folder))
    }

    /// The natural client of each training image and the clients' names; nil where the options name none.
    private func naturalGroups(count: Int, folder: String) throws -> (numbers: [Int32], names: [String])? {
        guard let wanted = groups else { return nil }
        let path = InputFile.resolve(wanted.path, folder: folder)
        guard let found = InputFile.existing(path) else { throw InputFile.missing(path) }
        let file = try IDXFile(contentsOf: found)
        guard file.element == .int32, file.shape.count == 2, file.shape[0] == count else {
            throw ConfigurationError(
                path: found,
                problem:
                    "must hold \(count) rows of 32-bit numbers, one an image, not values of shape \(file.shape)"
            )
        }
        guard wanted.column < file.shape[1] else {
            throw ConfigurationError(
                path: found,
                problem: "has no column \(wanted.column): it has \(file.shape[1]), numbered from 0")
        }
        var names = RawTable.Vocabulary()
        let numbers = file.column(wanted.column).map { names.number(of: "\($0)") }
        return (numbers, names.texts)
    }
}
