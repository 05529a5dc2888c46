internal import Configuration
internal import Cryptography
package import Foundation
internal import Glibc
internal import Operations

/// The file of hashed admin tokens that an aggregation server reads (`server.admin_tokens`):
/// `{ tokens: [ { name, role, sha256, expires, scopes?, created? } ] }`, mode 0600. The server takes a change up with the
/// next request.
package struct AdminTokenFile: Sendable {
    /// Seconds for which a token is good where nothing else is said: 90 days.
    package static let standardLifetime = 90 * 86_400

    /// The file's path.
    package let path: String

    /// The file at `path`, which may not exist yet.
    package init(_ path: String) { self.path = path }

    /// A token that was made just now. It is told once: the file keeps its hash.
    package struct Made: Sendable {
        package let token: String
        package let record: TokenRecord
    }

    // MARK: Reading

    /// The tokens of the file. Throws ``ConfigurationError`` where it is missing, malformed or readable by others.
    package func read() throws -> [TokenRecord] {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw ConfigurationError(
                path: path, problem: "cannot be read; make a token with sordino certs admin-token")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw ConfigurationError(path: path, problem: "may be read by others; set its mode to 0600")
        }
        return try records()
    }

    private func records() throws -> [TokenRecord] {
        let root = try Section(ConfigurationDocument(contentsOf: path).root, path: path)
        let records = try (root.list("tokens") ?? []).enumerated().map { index, item in
            try TokenRecord(Section(item, path: "\(path): tokens[\(index)]"))
        }
        try root.finish()
        return records
    }

    // MARK: Changes

    /// Adds a token: 32 random bytes, of which the file keeps the SHA-256.
    ///
    /// Throws a `Failure` with status 3 while a token of this name is good, or the name is none, and ``ConfigurationError``
    /// for a malformed file.
    package func add(
        name: String, role: AdminRole, scopes: Set<AdminRight>? = nil, expires: Date, now: Date = Date()
    ) throws -> Made {
        do {
            try CertificateName.check(name)
        } catch {
            throw Failure(.invalidInput, "\"\(name)\": \(error)")
        }
        guard name != TokenRecord.reserved else {
            throw Failure(.invalidInput, "\"\(name)\" is the server itself; choose another name")
        }
        let moment = Int(now.timeIntervalSince1970)
        let made = try TokenRecord.make(
            name: name, role: role, scopes: scopes, expires: Int(expires.timeIntervalSince1970),
            created: moment)
        try change { records in
            records.removeAll { $0.hasExpired(at: moment) }
            guard !records.contains(where: { $0.name == name }) else {
                throw Failure(
                    .invalidInput,
                    "\(path): \"\(name)\" has a token already; revoke or rotate it with sordino tokens")
            }
            records.append(made.record)
        }
        return Made(token: made.token, record: made.record)
    }

    /// Removes the tokens of a name; whether there was one.
    package func remove(name: String) throws -> Bool {
        try change { records in
            let before = records.count
            records.removeAll { $0.name == name }
            return records.count < before
        }
    }

    /// Puts a new token in the place of those of a name, with the same role and scopes; nil where there is none. It is good
    /// until `expires`; nil: for as long as the last one was, or without end where that had none.
    package func rotate(name: String, expires: Date? = nil, now: Date = Date()) throws -> Made? {
        let moment = Int(now.timeIntervalSince1970)
        return try change { records in
            guard let last = records.last(where: { $0.name == name }) else { return nil }
            let lifetime = last.expires.map { end in
                last.created.map { max(1, end - $0) } ?? Self.standardLifetime
            }
            let made = try TokenRecord.make(
                name: name, role: last.role, scopes: last.scopes,
                expires: expires.map { Int($0.timeIntervalSince1970) } ?? lifetime.map { moment + $0 },
                created: moment)
            records.removeAll { $0.name == name }
            records.append(made.record)
            return Made(token: made.token, record: made.record)
        }
    }

    private func change<Result>(_ body: (inout [TokenRecord]) throws -> Result) throws -> Result {
        let lock = try FolderLock(path + ".lock")
        defer { withExtendedLifetime(lock) {} }
        var records = FileManager.default.fileExists(atPath: path) ? try self.records() : []
        let before = records
        let result = try body(&records)
        guard records != before else { return result }
        let text = JSONValue.object(["tokens": .array(records.map(\.json))]).text(indented: true)
        try AtomicFile.write(text + "\n", to: path, mode: 0o600)
        return result
    }
}
