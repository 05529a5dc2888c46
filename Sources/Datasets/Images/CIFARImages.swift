internal import Configuration
internal import FoundationEssentials

/// The binary files of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): records of one label's byte, or two (coarse and fine), and
/// 3,072 bytes of pixels, which lie as [3, 32, 32].
struct CIFARImages: ImageFiles {
    /// Which of CIFAR-100's two labels is learnt.
    enum Labels: String, CaseIterable, Sendable {
        /// 20 kinds.
        case coarse
        /// 100 classes.
        case fine
    }

    /// One of the two data sets.
    private enum Kind {
        case ten
        case hundred

        var trainNames: [String] {
            self == .ten ? (1...5).map { "data_batch_\($0).bin" } : ["train.bin"]
        }
        var testName: String { self == .ten ? "test_batch.bin" : "test.bin" }
        /// Bytes of labels in front of a record's pixels.
        var labelBytes: Int { self == .ten ? 1 : 2 }
    }

    private static let shape = [3, 32, 32]

    let path: String
    /// Nil where nothing is said: fine.
    let labels: Labels?

    /// Reads the keys of a data section of format `cifar`.
    init(_ section: Section, path: String) throws {
        self.path = path
        labels = try section.choice("labels", of: Labels.self)
    }

    func load(folder: String, classes: [String]?) throws -> (train: ImageSet, test: ImageSet?) {
        let kind = try kind(folder)
        let train = try set(kind, try kind.trainNames.map { try file($0, folder) }, folder)
        let test = InputFile.existing(inFolder(kind.testName, folder))
        return (train, try test.map { try set(kind, [$0], folder) })
    }

    func part(_ use: DataSource.Use, folder: String, classes: [String]) throws -> ImageSet {
        let kind = try kind(folder)
        if use.testPart, let test = InputFile.existing(inFolder(kind.testName, folder)) {
            return try set(kind, [test], folder)
        }
        return try set(kind, try kind.trainNames.map { try file($0, folder) }, folder)
    }

    /// Which of the two the folder holds.
    private func kind(_ folder: String) throws -> Kind {
        let whole = InputFile.resolve(path, folder: folder)
        guard FileManager.default.fileExists(atPath: whole) else {
            throw ConfigurationError(
                path: whole, problem: "no such folder; it should hold data_batch_1.bin or train.bin of CIFAR")
        }
        let found = [Kind.ten, .hundred].filter { kind in
            kind.trainNames.contains { InputFile.existing(inFolder($0, folder)) != nil }
        }
        guard let kind = found.first else {
            throw ConfigurationError(
                path: whole,
                problem: "holds neither data_batch_1.bin (CIFAR-10) nor train.bin (CIFAR-100), nor with .gz")
        }
        guard found.count == 1 else {
            throw ConfigurationError(
                path: whole, problem: "holds data_batch_1.bin and train.bin: CIFAR-10 and CIFAR-100 in one")
        }
        guard kind == .hundred || labels == nil else {
            throw ConfigurationError(
                path: whole, problem: "holds CIFAR-10, which has one label an image: labels must go")
        }
        return kind
    }

    private func inFolder(_ name: String, _ folder: String) -> String {
        InputFile.resolve(name, folder: InputFile.resolve(path, folder: folder))
    }

    private func file(_ name: String, _ folder: String) throws -> String {
        let path = inFolder(name, folder)
        guard let found = InputFile.existing(path) else { throw InputFile.missing(path) }
        return found
    }

    /// The records of these files, one file behind the other.
    private func set(_ kind: Kind, _ files: [String], _ folder: String) throws -> ImageSet {
        let pixelCount = Self.shape.reduce(1, *)
        let size = kind.labelBytes + pixelCount
        let labelPlace = kind == .hundred && labels != .coarse ? 1 : 0
        var (pixels, numbers): ([UInt8], [Int32]) = ([], [])
        for file in files {
            let bytes = try InputFile.read(file)
            guard !bytes.isEmpty, bytes.count % size == 0 else {
                throw ConfigurationError(
                    path: file,
                    problem: "is damaged or truncated: \(bytes.count) bytes are not whole images of \(size)")
            }
            pixels.reserveCapacity(files.count * bytes.count / size * pixelCount)
            for start in stride(from: 0, to: bytes.count, by: size) {
                numbers.append(Int32(bytes[start + labelPlace]))
                pixels.append(contentsOf: bytes[(start + kind.labelBytes)..<(start + size)])
            }
        }
        let table = ImageTable(count: numbers.count, shape: Self.shape, pixels: pixels, labels: numbers)
        var set = ImageSet(table, imagePath: files[0], labelPath: files[0])
        set.classNames = names(kind, folder) ?? (0..<classCount(kind)).map { "\($0)" }
        return set
    }

    private func classCount(_ kind: Kind) -> Int { kind == .ten ? 10 : labels == .coarse ? 20 : 100 }

    /// The classes' names as the data set's own file has them, a line each; nil where it is not there or another.
    private func names(_ kind: Kind, _ folder: String) -> [String]? {
        let name =
            kind == .ten
            ? "batches.meta.txt" : labels == .coarse ? "coarse_label_names.txt" : "fine_label_names.txt"
        guard let bytes = try? InputFile.read(inFolder(name, folder), limit: 1 << 16) else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
        return lines.count == classCount(kind) && Set(lines).count == lines.count ? lines : nil
    }
}
