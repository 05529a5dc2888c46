import Configuration
import Datasets
import Foundation

/// A fresh folder for input files, removed with the value's owner.
final class InputFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
    }

    func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

    /// Compresses a file as `gzip` does.
    func compress(_ name: String, level: Int = 6) throws {
        let process = try Process.run(
            URL(fileURLWithPath: "/usr/bin/env"), arguments: ["gzip", "-\(level)", path + "/" + name])
        process.waitUntilExit()
    }

    func source(_ json5: String) throws -> DataSource {
        try DataSource(JSONValue(json5: json5.utf8, source: "test"), path: "data", folder: path)
    }

    /// Reads one CSV text with further keys of the data section.
    func load(_ text: String, _ keys: String, seed: UInt64 = 1) throws -> Dataset {
        try write("t.csv", text)
        return try source("{format: 'csv', path: 't.csv', \(keys)}").load(seed: seed)
    }

    /// The message with which loading fails, its folder cut off; empty where it does not fail.
    func refusal(_ text: String, _ keys: String) throws -> String {
        do {
            _ = try load(text, keys)
            return ""
        } catch let error as ConfigurationError {
            return error.description.replacingOccurrences(of: path + "/", with: "")
        }
    }
}
