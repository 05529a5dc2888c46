internal import Configuration
internal import Cryptography
package import Foundation
internal import Notation
internal import Operations

/// What the holder of an admin token may do at the server.
package enum AdminTokenRole: String, CaseIterable, Sendable {
    /// See everything.
    case viewer
    /// Also pause, resume, stop and shut agents out.
    case `operator`
}

/// The file of hashed admin tokens that an aggregation server reads (`server.admin_tokens`).
package struct AdminTokenFile: Sendable {
    private let path: String

    /// The file at `path`, which may not exist yet.
    package init(_ path: String) { self.path = path }

    /// Adds a token and returns it: 32 random bytes, of which the file keeps the SHA-256.
    ///
    /// Throws a `Failure` with status 3 while a token of this name is good, or the file is malformed.
    package func add(name: String, role: AdminTokenRole, expires: Date, now: Date = Date()) throws -> String {
        try Failure.naming("certs admin-token") { try CertificateName.check(name) }
        let (token, digest) = try Failure.naming("certs admin-token") {
            let token = "sa1." + Hexadecimal.text(of: try SecureRandom.bytes(count: 32))
            return (token, Hexadecimal.text(of: try SHA256.hash(Array(token.utf8))))
        }
        try change { entries in
            entries.removeAll { ($0.expires ?? .max) <= Int(now.timeIntervalSince1970) }
            guard !entries.contains(where: { $0.name == name }) else {
                throw Failure(
                    .invalidInput, "\(path): \"\(name)\" has a token already; revoke it with --admin-token")
            }
            entries.append(
                Entry(
                    name: name, role: role.rawValue, sha256: digest,
                    expires: Int(expires.timeIntervalSince1970)))
        }
        return token
    }

    /// Removes the tokens of a name; whether there was one. The server notices within one request.
    package func remove(name: String) throws -> Bool {
        try change { entries in
            let before = entries.count
            entries.removeAll { $0.name == name }
            return entries.count < before
        }
    }

    private struct Entry {
        let name: String
        let role: String
        let sha256: String
        let expires: Int?

        init(name: String, role: String, sha256: String, expires: Int?) {
            self.name = name
            self.role = role
            self.sha256 = sha256
            self.expires = expires
        }

        init(_ section: Section) throws {
            guard let name = try section.string("name"), let role = try section.string("role"),
                let sha256 = try section.string("sha256")
            else { throw section.error("name", "or role or sha256 is missing") }
            self.init(name: name, role: role, sha256: sha256, expires: try section.integer("expires"))
            try section.finish()
        }

        var json: JSONValue {
            .object([
                "name": .string(name), "role": .string(role), "sha256": .string(sha256),
                "expires": expires.map { .integer($0) } ?? .null,
            ])
        }
    }

    private func change<Result>(_ body: (inout [Entry]) throws -> Result) throws -> Result {
        let lock = try FolderLock(path + ".lock")
        defer { withExtendedLifetime(lock) {} }
        var entries: [Entry] = []
        if FileManager.default.fileExists(atPath: path) {
            let root = try Section(ConfigurationDocument(contentsOf: path).root, path: path)
            entries = try (root.list("tokens") ?? []).enumerated().map { index, item in
                try Entry(Section(item, path: "\(path): tokens[\(index)]"))
            }
            try root.finish()
        }
        let result = try body(&entries)
        let text = JSONValue.object(["tokens": .array(entries.map(\.json))]).text(indented: true)
        try AtomicFile.write(text + "\n", to: path, mode: 0o600)
        return result
    }
}
