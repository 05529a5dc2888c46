internal import Cryptography
internal import Glibc
internal import HTTPWire
internal import Messages
internal import Operations
internal import Synchronization
internal import Transport

/// The revocation list of the server's files as agents are given it (`GET /v1/crl`): they judge each other by it, and trust
/// the authority's signature on it and nothing else. Read again when the file is another one.
final class RevocationShelf: Sendable {
    private struct Version: Equatable {
        let file: UInt64
        let seconds: Int
        let nanoseconds: Int
        let bytes: Int
    }

    private let path: String?
    private let held = Mutex<(version: Version, buffer: SharedBuffer, digest: String)?>(nil)

    /// `path`: `tls.crl`; nil where the server looks at no list.
    init(_ path: String?) { self.path = path }

    /// The list, or that it is the one asked about, or 404.
    func answer(_ headers: HTTPHeaders) -> HTTPResponse {
        guard let (buffer, digest) = current() else {
            return .refusal(404, "no_list", "this server has no revocation list")
        }
        return .representation(
            buffer, tag: digest, contentType: "application/x-pem-file", request: headers)
    }

    private func current() -> (SharedBuffer, String)? {
        guard let path, let version = Self.version(of: path) else { return nil }
        return held.withLock { held in
            if let held, held.version == version { return (held.buffer, held.digest) }
            guard
                let bytes = try? StoredFile.bytes(at: path, limit: AgentProtocol.longestRevocationList),
                let digest = try? SHA256.text(of: bytes)
            else { return nil }
            let buffer = SharedBuffer(bytes)
            held = (version, buffer, digest)
            return (buffer, digest)
        }
    }

    private static func version(of path: String) -> Version? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Version(
            file: UInt64(status.st_ino), seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec,
            bytes: Int(status.st_size))
    }
}
