internal import AggregationServer
internal import CertificateService
internal import Configuration
internal import Foundation
internal import Operations
internal import Transport

/// What the commands that print systemd units share.
enum UnitArgument {
    static let options: [OptionGrammar.Option] = [
        .value(
            "user", "NAME", "The system user it runs as (default: sordino; for the authority sordino-ca)."),
        .value("memory-max", "SIZE", "Memory after which the kernel ends it, such as 512M or 2G."),
    ]

    static func notes(_ name: String) -> String {
        "The unit runs this very program, sandboxed, watched and started again after a crash:\n"
            + "  useradd --system --shell /usr/sbin/nologin USER; chown -R USER: FOLDER\n"
            + "  sordino unit … >/etc/systemd/system/\(name).service; systemctl enable --now \(name)\n"
    }

    static func write(_ unit: ServiceUnit, _ options: Options) throws -> ExitCode {
        let text = try unit.text()
        switch options.format {
        case .json:
            StandardOutput.write(JSONValue.object(["unit": .string(text)]).text(indented: true) + "\n")
        case .text: StandardOutput.write(text)
        }
        return .done
    }
}

/// `sordino unit server`: the aggregation server as a systemd service.
enum UnitServerCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino unit server",
        summary: "Print a systemd unit for the aggregation server.",
        positionals: [.init("CONFIG", "The server's configuration file (JSON5).")],
        options: UnitArgument.options, notes: UnitArgument.notes("sordino-server"))

    static func run(_ options: Options) throws -> ExitCode {
        let path = try ServicePath.absolute(options.operands[0])
        let document = try ConfigurationDocument(contentsOf: path)
        let configuration =
            try ServiceConfiguration.concerns(document)
            ? ServiceConfiguration(document).settings : ServerConfiguration(document).settings
        // The state folder is made by the first start, which may write nowhere but there: it must exist by then.
        let state = configuration.stateDirectory
        guard FileManager.default.fileExists(atPath: state) else {
            throw Failure(
                .invalidInput,
                "server.state_directory: \(state) does not exist; make it and give it to the service's user")
        }
        let files = configuration.tls
        var unit = ServiceUnit(
            description: "Sordino aggregation server",
            command: [try ServicePath.ownProgram(), "serve", path], user: options.string("user") ?? "sordino",
            writablePaths: [try ServicePath.absolute(state)], memoryMax: options.string("memory-max") ?? "1G")
        unit.startsPrograms = configuration.startsPrograms
        // The revocation list is fetched into its own folder, tokens are revoked and rotated in theirs, and the audit log may
        // lie elsewhere.
        let fetched = configuration.authorityService == nil ? nil : files.revocations
        for file in [fetched, configuration.audit.file].compactMap(\.self) {
            let folder = try ServicePath.nearestFolder(to: file)
            if !unit.writablePaths.contains(where: { "\(folder)/".hasPrefix("\($0)/") }) {
                unit.writablePaths.append(folder)
            }
        }
        unit.readPaths = try [files.certificate, files.key, files.authority].map {
            try ServicePath.absolute($0)
        }
        return try UnitArgument.write(unit, options)
    }
}

/// `sordino unit authority`: the certificate authority as a systemd service.
enum UnitAuthorityCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino unit authority",
        summary: "Print a systemd unit for the certificate authority.",
        positionals: [CertsArgument.folder],
        options: UnitArgument.options + CertsServeCommand.listening,
        notes: UnitArgument.notes("sordino-authority"))

    static func run(_ options: Options) throws -> ExitCode {
        let folder = try ServicePath.absolute(options.operands[0])
        _ = try AuthorityStore(folder)
        let (listen, _) = try CertsServeCommand.endpoint(options)
        var command = [try ServicePath.ownProgram(), "certs", "serve", folder]
        if let listen = options.string("listen") { command += ["--listen", listen] }
        for address in options.all("address") { command += ["--address", address] }
        var unit = ServiceUnit(
            description: "Sordino certificate authority", command: command,
            user: options.string("user") ?? "sordino-ca", writablePaths: [folder],
            memoryMax: options.string("memory-max") ?? "256M")
        unit.isLocal = ["127.0.0.1", "::1", "localhost"].contains(listen.host)
        return try UnitArgument.write(unit, options)
    }
}
