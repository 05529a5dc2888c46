internal import AggregationServer
internal import Cryptography
internal import Foundation
internal import HTTPWire
internal import Notation
internal import Operations
internal import Transport

/// A model on its way from a server to a file, piece by piece.
enum ModelDownload {
    /// Fetches a path of the admin listener into a file, whole or not at all, and returns its SHA-256. Throws where it is
    /// not `digest`, or the server refuses.
    static func fetch(_ path: String, to file: String, digest: String, _ options: Options) throws -> String {
        try AtomicFile.write(to: file) { temporary in
            let sink = try Sink(temporary)
            let head = try AdminRequest.stream(path, into: sink, options)
            if let failure = sink.failure { throw failure }
            guard head.status == 200 else {
                throw Failure(
                    head.status == 401 || head.status == 403 ? .network : .invalidInput,
                    "the server answers \(head.status): this version's file is not to be had")
            }
            let found = try sink.digest()
            guard found == digest else {
                throw Failure(
                    .network, "what came has the SHA-256 \(found), not \(digest): nothing was written")
            }
            return found
        }
    }

    /// Writes what comes, and hashes it.
    private final class Sink: ResponseSink {
        private let file: TemporaryFile
        private var hash: SHA256?
        private var isWanted = false
        /// Why the file could not be written; nil: it could.
        private(set) var failure: (any Error)?

        init(_ file: TemporaryFile) throws {
            self.file = file
            hash = try SHA256()
        }

        func begin(_ head: HTTPResponseHead) throws(ClientError) { isWanted = head.status == 200 }

        func receive(_ bytes: UnsafeRawBufferPointer) throws(ClientError) {
            guard isWanted, failure == nil else { return }
            do {
                try file.append(bytes)
                try hash?.update(bytes)
            } catch {
                failure = error
            }
        }

        /// The SHA-256 of all that came. To be called once.
        func digest() throws -> String {
            guard let digest = try hash.take()?.finish() else { return "" }
            return Hexadecimal.text(of: digest)
        }
    }
}
