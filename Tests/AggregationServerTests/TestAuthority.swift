import Foundation

/// A certificate authority in a temporary folder, made with the `openssl` command once per test process: a server
/// certificate for 127.0.0.1 and as many agents as the tests use.
final class TestAuthority: Sendable {
    static let shared = Result { try TestAuthority() }

    let directory: String

    private init() throws {
        directory = NSTemporaryDirectory() + "sordino-server-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try Self.configuration.write(toFile: path("openssl.cnf"), atomically: true, encoding: .utf8)
        try openssl([
            "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "30", "-subj", "/CN=authority",
            "-keyout",
            path("authority.key"), "-out", path("authority.crt"), "-config", path("openssl.cnf"),
            "-extensions",
            "authority",
        ])
        try issue("server", extensions: "server")
        for index in 0..<4 { try issue("agent-\(index)", extensions: "client", role: "agent") }
        try issue("admin", extensions: "client", role: "admin")
    }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    private func issue(_ name: String, extensions: String, role: String? = nil) throws {
        try openssl([
            "req", "-new", "-newkey", "ed25519", "-nodes", "-subj", "/CN=\(name)", "-keyout",
            path("\(name).key"), "-out", path("\(name).csr"), "-config", path("openssl.cnf"),
        ])
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path("\(name).key"))
        // Roles stand in the certificates as the product's own authority writes them.
        let section = path("\(name).cnf")
        let names = role.map { "\nsubjectAltName = URI:sordino://\($0)/\(name)\n" } ?? ""
        try (Self.configuration + names).write(toFile: section, atomically: true, encoding: .utf8)
        try openssl([
            "x509", "-req", "-days", "20", "-in", path("\(name).csr"), "-CA", path("authority.crt"), "-CAkey",
            path("authority.key"), "-CAcreateserial", "-out", path("\(name).crt"), "-extfile",
            section, "-extensions", extensions,
        ])
    }

    private func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed(arguments: arguments) }
    }

    struct Failed: Error { let arguments: [String] }

    private static let configuration = """
        [req]
        distinguished_name = name
        [name]
        [authority]
        basicConstraints = critical, CA:true
        keyUsage = critical, keyCertSign, cRLSign
        subjectKeyIdentifier = hash
        [server]
        extendedKeyUsage = serverAuth
        subjectAltName = DNS:localhost, IP:127.0.0.1
        [client]
        extendedKeyUsage = clientAuth
        """
}
