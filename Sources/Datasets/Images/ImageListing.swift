internal import Configuration
internal import FoundationEssentials
internal import Glibc

/// The image files below a folder, in the order of their clients', classes' and own names.
struct ImageListing {
    /// One image's file.
    struct Entry {
        let path: String
        /// The name of its folder; empty where there are none.
        let className: String
        /// The name of the folder around that; empty without clients.
        let client: String
    }

    let path: String
    private(set) var entries: [Entry] = []
    /// The names of all folders of classes in order, also of empty ones.
    private(set) var classNames: [String] = []
    /// Whether images lie in folders of classes; false where the folder holds images itself.
    private(set) var hasClasses = true
    private var otherCount = 0

    /// About files that are no images.
    var warnings: [String] {
        guard otherCount > 0 else { return [] }
        let files = otherCount == 1 ? "1 file that is" : "\(otherCount) files that are"
        return ["\(path): \(files) neither PNG, PGM nor PPM by name left out"]
    }

    /// Names' ends of files that are read; `.gz` may stand behind them.
    private static let endings = [".png", ".pgm", ".ppm", ".pnm"]
    /// Names' ends of images that are not read: to pass them over would train on other images than the user believes.
    private static let otherEndings = [".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".pbm"]

    /// Lists `path/CLASS/IMAGE`, or with clients `path/CLIENT/CLASS/IMAGE`; without folders in it `path/IMAGE`. Throws
    /// `ConfigurationError` where there is no image.
    init(_ path: String, hasClients: Bool) throws {
        self.path = path
        guard Self.isFolder(path) else {
            throw ConfigurationError(path: path, problem: "no such folder; it should hold one folder a class")
        }
        if hasClients {
            for client in try folders(in: path) {
                for name in try folders(in: "\(path)/\(client)") {
                    try add("\(path)/\(client)/\(name)", className: name, client: client)
                }
            }
        } else {
            let classes = try folders(in: path)
            for name in classes { try add("\(path)/\(name)", className: name, client: "") }
            if classes.isEmpty {
                hasClasses = false
                otherCount = 0
                try add(path, className: "", client: "")
            }
        }
        classNames = LabelRule.sorted(Array(Set(classNames)))
        guard !entries.isEmpty else {
            let expected = hasClients ? "CLIENT/CLASS/IMAGE.png" : "CLASS/IMAGE.png"
            throw ConfigurationError(path: path, problem: "holds no image such as \(expected)")
        }
        guard entries.count <= Int(Int32.max) else {
            throw ConfigurationError(path: path, problem: "holds more than \(Int32.max) images")
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// What stands in a folder in the order of its bytes, without what is hidden.
    private static func names(in path: String) throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path)
                .filter { !$0.hasPrefix(".") }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        } catch {
            throw ConfigurationError(path: path, problem: "the folder cannot be read")
        }
    }

    private mutating func folders(in path: String) throws -> [String] {
        let names = try Self.names(in: path)
        let folders = names.filter { Self.isFolder("\(path)/\($0)") }
        otherCount += names.count - folders.count
        return folders
    }

    private mutating func add(_ folder: String, className: String, client: String) throws {
        if hasClasses { classNames.append(className) }
        for name in try Self.names(in: folder) {
            var stem = name.lowercased()
            if stem.hasSuffix(".gz") { stem.removeLast(3) }
            if Self.endings.contains(where: { stem.hasSuffix($0) }) {
                entries.append(Entry(path: "\(folder)/\(name)", className: className, client: client))
            } else if let ending = Self.otherEndings.first(where: { stem.hasSuffix($0) }) {
                throw ConfigurationError(
                    path: "\(folder)/\(name)",
                    problem: "is a \(ending) file: images are read as PNG, PGM or PPM")
            } else {
                otherCount += 1
            }
        }
    }
}
