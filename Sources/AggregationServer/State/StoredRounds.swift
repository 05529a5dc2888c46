package import Configuration
internal import Foundation

/// The rounds of a server's state directory, read beside the server or without one.
package enum StoredRounds {
    /// What `GET /api/rounds` would answer, but that of the open round only what is on disk is known. Nothing is written.
    /// Throws a storage `Failure` where the directory is no server's, or damaged.
    package static func answer(_ question: RoundQuestion, in directory: String) throws -> JSONValue {
        let archive = RoundArchive(state: try StateDirectory(reading: directory))
        let json = try AdminJSON.bytes(of: question.answer(archive).map(RoundView.init))
        return try JSONValue(json5: json, source: directory)
    }
}
