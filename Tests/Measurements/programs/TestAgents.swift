internal import Cryptography
internal import Foundation
internal import Glibc
internal import HTTPWire
internal import Messages
internal import Operations
internal import Transport

/// Agents made for a measurement: each has a certificate of its own from the authority's key, and a connection.
struct TestAgents {
    private let port: UInt16
    private let authority: CertificateAuthority
    private let authorityPath: String
    private let folder: String

    /// Agents of the server on `port` of this host; certificates go into `folder`.
    init(port: UInt16, authority path: String, folder: String) throws {
        self.port = port
        self.folder = folder
        authorityPath = "\(path)/ca.crt"
        let certificate = try Certificate(pem: Array(Data(contentsOf: URL(fileURLWithPath: authorityPath))))
        let pem = Array(try Data(contentsOf: URL(fileURLWithPath: "\(path)/ca.key")))
        authority = try CertificateAuthority(
            certificate: certificate, key: CertificateKey(pem: SecretBytes(copying: pem)))
    }

    /// The client of agent `index`; it connects with its first request.
    func client(_ index: Int) throws -> HTTPClient {
        let name = "load-\(index)"
        let paths = ("\(folder)/\(name).crt", "\(folder)/\(name).key")
        let key = try CertificateKey(generating: .ed25519)
        let certificate = try authority.issue(
            CertificateRequest(name: name, key: key), name: name, role: .agent, now: Date())
        for (bytes, path) in [
            (try certificate.pem(), paths.0), (try key.pem().withUnsafeBytes { Array($0) }, paths.1),
        ] {
            guard
                FileManager.default.createFile(
                    atPath: path, contents: Data(bytes), attributes: [.posixPermissions: 0o600])
            else { throw Failure(.storage, "cannot write \(path)") }
        }
        let tls = try TLSContext(
            client: TLSClientConfiguration(
                credentials: TLSCredentials(certificate: paths.0, key: paths.1),
                trust: .authority(path: authorityPath)))
        return try HTTPClient(
            HTTPClientConfiguration(server: SocketEndpoint(host: "127.0.0.1", port: port), tls: tls))
    }

    /// Checks in and waits up to `seconds` for work; nil where none came.
    static func checkIn(_ client: HTTPClient, waitSeconds seconds: Int) throws -> RoundOffer? {
        let message = CheckInRequest(software: "sordino-measure", waitSeconds: seconds)
        var request = ClientRequest(
            .post, AgentProtocol.checkInPath, headers: ["Content-Type": "application/json"],
            body: .bytes(try message.encoded()))
        request.answerTimeout = UInt64(seconds + 60) * 1000
        let answer = try client.exchange(request, limit: RoundOffer.byteLimit)
        return answer.status == 200 ? try RoundOffer(decoding: answer.body) : nil
    }

    /// Seconds of processor time that a process has used so far, from `/proc/PID/stat` (proc(5), fields 14 and 15).
    static func processorSeconds(_ process: String) throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        // The name in the second field may hold blanks; it ends with the last parenthesis.
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        let ticks = fields.dropFirst(12).prefix(2).compactMap { Double($0) }
        return ticks.reduce(0, +) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// A number of kilobytes from a process's `/proc/PID/status`, as bytes.
    static func memory(_ process: String, _ key: String) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix(key + ":") } ?? ""
        return (line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) << 10
    }
}
