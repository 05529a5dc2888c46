internal import Cryptography
internal import Foundation
internal import Ledger
internal import Operations
internal import Transport

/// The files of versions that have labels, by their SHA-256: links to what the run published, which outlive its own.
struct LabelledFiles: Sendable {
    private let folder: String
    private let modelPath: @Sendable (_ run: String, _ round: Int) -> String

    /// Makes the folder where it is missing. Throws a storage `Failure`.
    init(_ folder: String, modelPath: @escaping @Sendable (_ run: String, _ round: Int) -> String) throws {
        self.folder = try OutputDirectory(folder, mode: 0o700).path
        self.modelPath = modelPath
    }

    /// Bytes of the model of a round; nil where the run has it no more.
    func bytes(run: String, round: Int) -> Int? {
        let found = try? StoredFile.size(at: modelPath(run, round))
        return found ?? nil
    }

    /// Gives a version's file its name here, unless it has it; false where the file is gone or another. Throws a storage
    /// `Failure`.
    func hold(_ version: ModelVersion) throws -> Bool {
        let path = path(version)
        if try digest(path) == version.modelDigest { return true }
        let source = modelPath(version.run, version.round)
        guard try digest(source) == version.modelDigest else { return false }
        try AtomicFile.publish(source, as: path, mode: 0o600)
        return true
    }

    /// Removes the files of all but these. Throws a storage `Failure`.
    func keep(_ versions: [ModelVersion]) throws {
        let kept = Set(versions.map { path($0) })
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let path = "\(folder)/\(name)"
            guard name.hasSuffix(Self.suffix), !kept.contains(path) else { continue }
            try AtomicFile.remove(path, durably: false)
        }
    }

    /// A version's file; nil where it is neither here nor with its run.
    func map(_ version: ModelVersion) -> SharedBuffer? {
        for path in [path(version), modelPath(version.run, version.round)] {
            // What has a name here was verified; what lies with the run may be another round's of a restored state.
            if let file = try? SharedBuffer(mappingFileAt: path), file.count == version.bytes { return file }
        }
        return nil
    }

    private static let suffix = ".safetensors"

    private func path(_ version: ModelVersion) -> String { "\(folder)/\(version.modelDigest)\(Self.suffix)" }

    /// The SHA-256 of a file; nil where there is none.
    private func digest(_ path: String) throws -> String? {
        guard try StoredFile.size(at: path) != nil else { return nil }
        return try SHA256.text(of: SharedBuffer(mappingFileAt: path))
    }
}
