internal import Cryptography
internal import HTTPWire
internal import Messages
internal import Operations
internal import Synchronization
internal import Transport

/// The revocation list of the server's files as agents are given it (`GET /v1/crl`): they judge each other by it, and trust
/// the authority's signature on it and nothing else. Read again when the file is another one.
final class RevocationShelf: Sendable {
    private let path: String?
    private let held = Mutex<(stamp: FileStamp, buffer: SharedBuffer, digest: String)?>(nil)

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
        guard let path else { return nil }
        let stamp = FileStamp(path)
        return held.withLock { held in
            if let held, held.stamp == stamp { return (held.buffer, held.digest) }
            guard
                let bytes = try? StoredFile.bytes(at: path, limit: AgentProtocol.longestRevocationList),
                let digest = try? SHA256.text(of: bytes)
            else { return nil }
            let buffer = SharedBuffer(bytes)
            held = (stamp, buffer, digest)
            return (buffer, digest)
        }
    }
}
