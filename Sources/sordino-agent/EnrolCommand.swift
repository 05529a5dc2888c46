internal import ClientAgent
internal import Configuration
internal import Operations
internal import Transport

/// `sordino-agent enroll --server URL --token T`
enum EnrolCommand {
    static let grammar = OptionGrammar(
        command: "sordino-agent enroll",
        summary: "Makes a key on this host and asks for its first certificate, by one-time token.",
        options: [
            .value("server", "URL", "The server, such as https://federation.example:8443."),
            .value("token", "T", "The token, as \"sordino certs enrolment-token\" printed it."),
            .value("out", "DIR", "Where key, certificate and configuration go (default: this folder)."),
            .value("proxy", "HOST:PORT", "An HTTP proxy to tunnel through."),
        ],
        notes:
            "The token names the certificate authority's fingerprint, which is compared before anything is sent."
    )

    static func run(_ options: Options) throws -> ExitCode {
        let address = try options.required("server")
        guard let server = ServerURL.parse(address) else {
            throw options.usage("--server must be https://host:port, not \"\(address)\"")
        }
        let proxy = try options.string("proxy").map { text throws(Failure) in
            guard let proxy = SocketEndpoint(text) else {
                throw options.usage(
                    text.contains("@")
                        ? "--proxy must be host:port: names and passwords are not given to proxies here"
                        : "--proxy must be host:port, not \"\(text)\"")
            }
            return proxy
        }
        let enrolment = try Enrolment(
            server: server, proxy: proxy, token: options.required("token"),
            folder: options.string("out") ?? ".")
        let outcome = try enrolment.run(log: Logger(level: .warning))
        switch options.format {
        case .json:
            print(
                JSONValue.object([
                    "name": .string(outcome.name), "configuration": .string(outcome.configuration),
                    "expires": .string(outcome.expires),
                ]).text())
        case .text:
            print("enrolled as \(outcome.name), until \(outcome.expires)")
            print("next: edit \(outcome.configuration), then sordino-agent check \(outcome.configuration)")
        }
        return .done
    }
}
