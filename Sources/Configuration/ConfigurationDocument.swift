internal import FoundationEssentials
internal import Glibc

/// A configuration file with the overrides of the command line applied.
package struct ConfigurationDocument: Sendable {
    /// The file's own path, as given.
    package let file: String
    /// The document, overrides applied.
    package private(set) var root: JSONValue

    /// Largest configuration file that is read, in bytes.
    package static let sizeLimit = 4 << 20

    /// A document that is in memory already.
    package init(root: JSONValue, file: String) {
        self.root = root
        self.file = file
    }

    /// Reads a JSON5 file. Throws ``ConfigurationError`` when it is missing, unreadable, too large or malformed.
    package init(contentsOf file: String) throws {
        var status = stat()
        guard stat(file, &status) == 0 else {
            throw ConfigurationError(path: file, problem: "no such file, or it cannot be read")
        }
        guard status.st_size <= Self.sizeLimit else {
            throw ConfigurationError(path: file, problem: "larger than \(Self.sizeLimit) bytes")
        }
        guard let data = FileManager.default.contents(atPath: file) else {
            throw ConfigurationError(path: file, problem: "cannot be read; is it a file that you may read?")
        }
        self.init(root: try JSONValue(json5: data, source: file), file: file)
    }

    /// The folder that relative paths in the file start from.
    package var folder: String {
        let start = file.hasPrefix("/") ? file : "\(FileManager.default.currentDirectoryPath)/\(file)"
        let folder = start[..<(start.lastIndex(of: "/") ?? start.startIndex)]
        return folder.isEmpty ? "/" : String(folder)
    }

    /// Applies one override, `path=value`; the value is JSON5, or a plain string where it is not. What is in braces or in
    /// brackets is no plain string: its errors are thrown.
    package mutating func set(_ assignment: String) throws {
        guard let equals = assignment.firstIndex(of: "="), equals != assignment.startIndex else {
            throw ConfigurationError(path: "--set \(assignment)", problem: "must be path=value")
        }
        let path = assignment[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(
            String.init)
        let text = String(assignment[assignment.index(after: equals)...])
        let value = try Self.value(text, source: "--set \(assignment[..<equals])")
        root = try Self.replacing(root, path: path[...], with: value, assignment: "--set \(assignment)")
    }

    /// Puts a value at a path of keys and of places in lists, such as `task.rounds`. Throws ``ConfigurationError`` where
    /// the path leads through what is neither.
    package mutating func set(_ path: String, to value: JSONValue) throws {
        let keys = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        root = try Self.replacing(root, path: keys[...], with: value, assignment: path)
    }

    /// The value that a word of the command line means: JSON5, or a plain string where it is not. What is in braces or in
    /// brackets is no plain string: its errors are thrown, with `source` as their place.
    package static func value(_ text: String, source: String) throws -> JSONValue {
        do {
            return try JSONValue(json5: text.utf8, source: source)
        } catch {
            // A pattern of file names may begin with a bracket; none ends with one.
            guard text.hasPrefix("{") || text.hasPrefix("[") && text.hasSuffix("]") else {
                return .string(text)
            }
            throw error
        }
    }

    private static func replacing(
        _ node: JSONValue, path: ArraySlice<String>, with value: JSONValue, assignment: String
    ) throws -> JSONValue {
        guard let key = path.first else { return value }
        let rest = path.dropFirst()
        switch node {
        case .object(var members):
            members[key] = try replacing(
                members[key] ?? .object([:]), path: rest, with: value, assignment: assignment)
            return .object(members)
        case .array(var items):
            guard let index = Int(key), items.indices.contains(index) else {
                throw ConfigurationError(
                    path: assignment,
                    problem: "\"\(key)\" is not an index of a list of \(items.count)")
            }
            items[index] = try replacing(items[index], path: rest, with: value, assignment: assignment)
            return .array(items)
        case .null:
            return .object([
                key: try replacing(.object([:]), path: rest, with: value, assignment: assignment)
            ])
        default:
            throw ConfigurationError(
                path: assignment,
                problem: "\"\(key)\" lies below \(node.kind), not below an object")
        }
    }
}
