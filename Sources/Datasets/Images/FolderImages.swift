internal import Configuration
internal import Dispatch
internal import Synchronization

/// Images in a folder a class, or below that in a folder a client: `path/CLASS/IMAGE`, `path/CLIENT/CLASS/IMAGE`. All have
/// one size, and one number of channels unless `channels` says which.
struct FolderImages: ImageFiles {
    /// Natural clients.
    enum Group: String, CaseIterable, Sendable {
        /// The outer folders.
        case folder
    }

    let path: String
    let testPath: String?
    /// 1 or 3; nil where it is what the images have.
    let channels: Int?
    let group: Group?

    /// Reads the keys of a data section of format `images`.
    init(_ section: Section, path: String) throws {
        self.path = path
        testPath = try section.string("test_path")
        channels = try section.integer("channels", in: 1...3)
        guard channels != 2 else { throw section.error("channels", "must be 1 (grey) or 3 (colour)") }
        group = try section.choice("group", of: Group.self)
    }

    func load(folder: String, classes: [String]?) throws -> (train: ImageSet, test: ImageSet?) {
        let listing = try ImageListing(InputFile.resolve(path, folder: folder), hasClients: group != nil)
        let names = classes ?? listing.classNames
        let train = try set(try Self.labelled(listing), classes: names)
        guard let testPath else { return (train, nil) }
        let tests = try ImageListing(InputFile.resolve(testPath, folder: folder), hasClients: group != nil)
        return (train, try set(try Self.labelled(tests), classes: names))
    }

    func part(_ use: DataSource.Use, folder: String, classes: [String]) throws -> ImageSet {
        let wanted = use.testPart ? testPath ?? path : path
        let listing = try ImageListing(InputFile.resolve(wanted, folder: folder), hasClients: group != nil)
        return try set(listing, classes: classes, toleratesOthers: use.toleratesLabels)
    }

    private static func labelled(_ listing: ImageListing) throws -> ImageListing {
        guard listing.hasClasses else {
            throw ConfigurationError(
                path: listing.path, problem: "holds images themselves; it should hold one folder a class")
        }
        return listing
    }

    /// Decodes the listed images. Labels are left out where there are no folders of classes, or where one is no class and
    /// `toleratesOthers`.
    private func set(
        _ listing: ImageListing, classes: [String], toleratesOthers: Bool = false
    ) throws -> ImageSet {
        var numbers: [Int32]? = listing.hasClasses ? [] : nil
        let places = Dictionary(
            zip(classes, classes.indices.map { Int32($0) }), uniquingKeysWith: { first, _ in first })
        for entry in listing.entries where numbers != nil {
            if let place = places[entry.className] ?? places[LabelRule.canonical(entry.className)] {
                numbers?.append(place)
            } else if toleratesOthers {
                numbers = nil
            } else {
                let known = classes.prefix(12).map(BadRows.show).joined(separator: ", ")
                throw ConfigurationError(
                    path: listing.path,
                    problem: "has a folder \(BadRows.show(entry.className)), which is none of the classes: "
                        + known + (classes.count > 12 ? ", …" : ""))
            }
        }
        let files = listing.entries.map(\.path)
        let (shape, pixels) = try decode(files)
        let table = ImageTable(count: files.count, shape: shape, pixels: pixels, labels: numbers)
        var set = ImageSet(table, imagePath: listing.path, labelPath: listing.path)
        set.classNames = classes
        set.warnings = listing.warnings
        if group != nil {
            var clients = RawTable.Vocabulary()
            set.groups = listing.entries.map { clients.number(of: $0.client) }
            set.groupNames = clients.texts
        }
        return set
    }

    /// Images that one worker decodes before it takes others.
    private static let block = 64

    /// The pixels of all files, as many workers as there are cores. Throws for the first file that cannot be read or has
    /// another shape than the first one of all.
    private func decode(_ files: [String]) throws -> (shape: [Int], pixels: [UInt8]) {
        let first = try image(files[0])
        let size = first.pixels.count
        let total = size.multipliedReportingOverflow(by: files.count)
        guard !total.overflow, total.partialValue <= InputFile.sizeLimit else {
            throw ConfigurationError(
                path: files[0],
                problem:
                    "is one of \(files.count) images of \(size) bytes: more than \(InputFile.sizeLimit) in all"
            )
        }
        let failures = Mutex<[(place: Int, error: any Error)]>([])
        let pixels = [UInt8](unsafeUninitializedCapacity: total.partialValue) { output, filled in
            output.initialize(repeating: 0)
            guard let base = output.baseAddress else { return }
            nonisolated(unsafe) let target = base  // Workers write parts that do not overlap.
            let blocks = (files.count + Self.block - 1) / Self.block
            DispatchQueue.concurrentPerform(iterations: blocks) { block in
                for place in (block * Self.block)..<min(files.count, (block + 1) * Self.block) {
                    do {
                        let image = place == 0 ? first : try image(files[place])
                        try check(image, files[place], against: first, files[0])
                        image.pixels.withUnsafeBufferPointer { pixels in
                            guard let pixels = pixels.baseAddress else { return }
                            (target + place * size).update(from: pixels, count: size)
                        }
                    } catch {
                        return failures.withLock { $0.append((place, error)) }
                    }
                }
            }
            filled = output.count
        }
        if let first = failures.withLock({ $0.min { $0.place < $1.place } }) { throw first.error }
        return (first.shape, pixels)
    }

    private func check(_ image: ImageRaster, _ file: String, against first: ImageRaster, _ firstFile: String)
        throws
    {
        guard image.width == first.width, image.height == first.height else {
            throw ConfigurationError(
                path: file,
                problem: "is \(image.width) by \(image.height) pixels, but \(firstFile) is \(first.width) by "
                    + "\(first.height): all must have one size")
        }
        guard image.channels == first.channels else {
            func name(_ image: ImageRaster) -> String { image.channels == 1 ? "grey" : "coloured" }
            throw ConfigurationError(
                path: file,
                problem: "is \(name(image)), but \(firstFile) is \(name(first)): channels: 1 or channels: 3 "
                    + "converts")
        }
    }

    private func image(_ file: String) throws -> ImageRaster {
        let bytes = try InputFile.read(file, limit: ImageRaster.fileLimit)
        do throws(DamagedImage) {
            let image = try ImageRaster(file: bytes)
            return channels.map { image.converted(to: $0) } ?? image
        } catch {
            throw ConfigurationError(path: file, problem: error.problem)
        }
    }
}
