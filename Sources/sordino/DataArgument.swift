internal import Configuration
internal import Datasets
internal import Foundation
internal import Operations

/// `--data`: a folder of IDX files, of CIFAR's or of pictures by class, a CSV or table file, a JSON5 file with a data section (or a scenario, or a server's
/// file), or the section itself in braces.
enum DataArgument {
    /// Label column of a bare CSV file.
    static let label = OptionGrammar.Option.value(
        "label", "COLUMN", "Label column of a CSV file, by name or index (default: the last).")

    /// The option and those that complete a bare CSV file.
    static let options: [OptionGrammar.Option] = [
        .value(
            "data", "DATA",
            "A folder of IDX files, CIFAR's files or pictures by class, a CSV, scenario or server's file, a data section in braces, or - (CSV from standard input)."
        ), label,
    ]

    /// The data source that the options name.
    static func source(_ options: Options) throws -> DataSource {
        try source(options.required("data"), options)
    }

    /// The data source of this name. `assignments` (`key=value`) add to its section. Without `defaultsToLast` a bare CSV
    /// file has the label that `--label` names, or none.
    static func source(
        _ text: String, _ options: Options, assignments: [String] = [], defaultsToLast: Bool = true
    ) throws -> DataSource {
        let (section, path, folder) = try section(text, options, defaultsToLast: defaultsToLast)
        var document = ConfigurationDocument(root: section, file: "--set")
        for assignment in assignments { try document.set(assignment) }
        return try DataSource(document.root, path: path, folder: folder)
    }

    private static func section(
        _ text: String, _ options: Options, defaultsToLast: Bool
    ) throws -> (section: JSONValue, path: String, folder: String) {
        let here = FileManager.default.currentDirectoryPath
        if text.hasPrefix("{") {
            let section = try JSONValue(json5: text.utf8, source: "--data")
            guard case .object(var members) = section, members["path"] == .string("-") else {
                return (section, "--data", here)
            }
            members["path"] = .string("/dev/stdin")
            return (.object(members), "--data", here)
        }
        if text.hasSuffix(".json5") || text.hasSuffix(".json") {
            let document = try ConfigurationDocument(contentsOf: text)
            return (section(document), text, document.folder)
        }
        var members: [String: JSONValue] = ["format": .string("csv"), "path": .string(text)]
        if text == "-" {
            members["path"] = .string("/dev/stdin")
        } else {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: text, isDirectory: &isFolder) else {
                throw Failure(.invalidInput, "\(text): no such file or folder")
            }
            if isFolder.boolValue {
                return (
                    .object(["format": .string(format(ofFolder: text)), "path": .string(text)]), "--data",
                    here
                )
            }
        }
        let label = options.string("label").map { label in
            Int(label).map { JSONValue.integer($0) } ?? .string(label)
        }
        members["label"] = label ?? (defaultsToLast ? .integer(-1) : nil)
        return (.object(members), "--data", here)
    }

    /// What a folder holds: CIFAR's binary files, a folder of pictures a class, or IDX files.
    private static func format(ofFolder path: String) -> String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        if names.contains(where: { $0.contains("-idx") || $0.contains(".idx") }) { return "idx" }
        if names.contains(where: { $0.hasSuffix(".bin") }) { return "cifar" }
        var isFolder: ObjCBool = false
        let holdsFolders = names.contains { name in
            !name.hasPrefix(".")
                && FileManager.default.fileExists(atPath: path + "/" + name, isDirectory: &isFolder)
                && isFolder.boolValue
        }
        return holdsFolders ? "images" : "idx"
    }

    /// The seed that divides the data: `--seed`, else that of the file that `--data` names, else 1.
    static func seed(_ options: Options) throws -> UInt64 { try seed(options.required("data"), options) }

    /// The same for data of this name.
    static func seed(_ text: String, _ options: Options) throws -> UInt64 {
        if let seed = try options.integer("seed", in: 0...Int.max) { return UInt64(seed) }
        guard !text.hasPrefix("{"), text.hasSuffix(".json5") || text.hasSuffix(".json"),
            let room = room(of: try ConfigurationDocument(contentsOf: text)),
            case .integer(let seed)? = room["seed"], seed >= 0
        else { return 1 }
        return UInt64(seed)
    }

    /// The data section of a document: that of its simulation or server, `data`, or the whole.
    private static func section(_ document: ConfigurationDocument) -> JSONValue {
        guard case .object(let root) = document.root else { return document.root }
        let room = room(of: document)
        return room?["data"] ?? room?["holdout"] ?? root["data"] ?? document.root
    }

    /// The section of a scenario or of a server's file that says which data there are.
    private static func room(of document: ConfigurationDocument) -> [String: JSONValue]? {
        guard case .object(let root) = document.root else { return nil }
        for name in ["simulation", "server"] {
            if case .object(let members)? = root[name] { return members }
        }
        return nil
    }
}
