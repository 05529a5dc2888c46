internal import Foundation
internal import Glibc

/// Certificate authorities in a temporary folder, made with the `openssl` command: what the product's own
/// certificates are tested against.
public final class OpenSSLAuthority: Sendable {
    /// Algorithms of subjects' keys.
    public enum KeyScheme: Sendable {
        case ed25519, p256, rsa

        fileprivate var arguments: [String] {
            switch self {
            case .ed25519: ["-newkey", "ed25519"]
            case .p256: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            case .rsa: ["-newkey", "rsa:2048"]
            }
        }
    }

    /// The folder of all files.
    public let directory: String

    /// Makes a folder with the authorities `authority` and `other`; `NAME.crt` and `NAME.key` are theirs.
    public init(folder name: String) throws {
        directory = try TemporaryFolders.make(name)
        try Self.configuration.write(toFile: path("openssl.cnf"), atomically: true, encoding: .utf8)
        for authority in ["authority", "other"] { try makeAuthority(authority) }
    }

    /// The path of a file in the folder.
    public func path(_ name: String) -> String { "\(directory)/\(name)" }

    private func makeAuthority(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
        try "".write(toFile: path("\(name)/index"), atomically: true, encoding: .utf8)
        try "1000".write(toFile: path("\(name)/serial"), atomically: true, encoding: .utf8)
        try "01".write(toFile: path("\(name)/crlnumber"), atomically: true, encoding: .utf8)
        try openssl([
            "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "30", "-subj", "/CN=\(name)", "-keyout",
            path("\(name).key"), "-out", path("\(name).crt"), "-config", path("openssl.cnf"), "-extensions",
            "issuing",
        ])
    }

    /// Issues `NAME.crt` and `NAME.key`; `section` is `server` or `client`, `dates` are options of `openssl ca`. A
    /// `role` stands in the certificate as the product's own authority writes it.
    public func issue(
        _ name: String, by authority: String = "authority", section: String, key: KeyScheme = .p256,
        role: String? = nil, dates: [String] = []
    ) throws {
        try openssl(
            ["req", "-new"] + key.arguments + [
                "-nodes", "-subj", "/CN=\(name)", "-keyout", path("\(name).key"), "-out", path("\(name).csr"),
                "-config", path("openssl.cnf"),
            ])
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path("\(name).key"))
        var extensions: [String] = []
        if let role {
            extensions = ["-extfile", path("\(name).cnf")]
            let text = """
                [\(section)]
                extendedKeyUsage = \(section)Auth
                subjectAltName = URI:sordino://\(role)/\(name)

                """
            try text.write(toFile: path("\(name).cnf"), atomically: true, encoding: .utf8)
        }
        try openssl(
            [
                "ca", "-batch", "-notext", "-config", path("openssl.cnf"), "-name", authority, "-extensions",
                section, "-in", path("\(name).csr"), "-out", path("\(name).crt"),
            ] + extensions + dates)
    }

    /// Takes a certificate of `authority` back; a list shows it from then on.
    public func revoke(_ name: String) throws {
        try openssl(
            ["ca", "-config", path("openssl.cnf"), "-name", "authority", "-revoke", path("\(name).crt")])
    }

    /// Writes the revocation list of `authority` as it stands; `from` and `to` are its dates, as `YYYYMMDDHHMMSSZ`.
    public func writeRevocations(_ name: String, from: String? = nil, to: String? = nil) throws {
        try openssl(
            ["ca", "-config", path("openssl.cnf"), "-name", "authority", "-gencrl", "-out", path(name)]
                + (from.map { ["-crl_lastupdate", $0] } ?? []) + (to.map { ["-crl_nextupdate", $0] } ?? []))
    }

    /// Runs `openssl` and returns what it printed on both outputs.
    @discardableResult
    public func openssl(_ arguments: [String], input: String = "") throws -> String {
        try Self.run("/usr/bin/openssl", arguments, directory, input, mayFail: false)
    }

    /// Runs a command in `directory` with `input`.
    public static func run(
        _ command: String, _ arguments: [String], _ directory: String, _ input: String = "",
        mayFail: Bool = true
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command)
        process.arguments = arguments
        process.environment = ["DIRECTORY": directory, "PATH": "/usr/bin:/bin"]
        let output = Pipe()
        let standardInput = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = standardInput
        try process.run()
        // A command that ends before it has read its input is no fault of the test's.
        signal(SIGPIPE, SIG_IGN)
        try? standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try standardInput.fileHandleForWriting.close()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        if !mayFail, process.terminationStatus != 0 { throw CommandFailure(text: text) }
        return text
    }

    /// A command that failed, with what it printed.
    public struct CommandFailure: Error {
        /// Both outputs.
        public let text: String
    }

    private static let configuration = """
        [req]
        distinguished_name = name
        [name]
        [issuing]
        basicConstraints = critical, CA:true
        keyUsage = critical, keyCertSign, cRLSign
        subjectKeyIdentifier = hash
        [server]
        extendedKeyUsage = serverAuth
        subjectAltName = DNS:localhost, IP:127.0.0.1
        [elsewhere]
        extendedKeyUsage = serverAuth
        subjectAltName = DNS:fl.example.org
        [client]
        extendedKeyUsage = clientAuth
        subjectAltName = URI:sordino:agent
        [policy]
        commonName = supplied
        \(["authority", "other"].map(section).joined(separator: "\n"))
        """

    private static func section(_ name: String) -> String {
        """
        [\(name)]
        database = $ENV::DIRECTORY/\(name)/index
        new_certs_dir = $ENV::DIRECTORY/\(name)
        serial = $ENV::DIRECTORY/\(name)/serial
        crlnumber = $ENV::DIRECTORY/\(name)/crlnumber
        certificate = $ENV::DIRECTORY/\(name).crt
        private_key = $ENV::DIRECTORY/\(name).key
        default_md = default
        default_days = 20
        default_crl_days = 20
        unique_subject = no
        policy = policy
        """
    }
}
