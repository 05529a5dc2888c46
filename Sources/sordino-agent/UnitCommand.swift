internal import ClientAgent
internal import Configuration
internal import Operations

/// `sordino-agent unit CONFIG`
enum UnitCommand {
    static let grammar = OptionGrammar(
        command: "sordino-agent unit", summary: "Prints a systemd unit that runs this agent, sandboxed.",
        positionals: [.init("CONFIG", "The agent's configuration file (JSON5).")],
        options: [
            .value("user", "NAME", "The system user it runs as (default: sordino-agent)."),
            .value("memory-max", "SIZE", "Memory after which the kernel ends it (default: 1G)."),
        ],
        notes: "  useradd --system --shell /usr/sbin/nologin sordino-agent; chown -R sordino-agent: FOLDER\n"
            + "  sordino-agent unit CONFIG >/etc/systemd/system/sordino-agent.service\n"
            + "  systemctl enable --now sordino-agent\n")

    static func run(_ options: Options) throws -> ExitCode {
        let path = try ServicePath.absolute(options.operands[0])
        let configuration = try AgentConfiguration(contentsOf: path)
        // Renewal replaces the certificate, so its folder is written to as well.
        let certificates = configuration.servers.map(\.credentials.certificate)
        let folders = try Set(
            (certificates + [configuration.stateDirectory]).map {
                try ServicePath.nearestFolder(to: $0)
            })
        let outermost = folders.filter { folder in
            !folders.contains { $0 != folder && "\(folder)/".hasPrefix("\($0)/") }
        }
        var unit = ServiceUnit(
            description: "Sordino agent", command: [try ServicePath.ownProgram(), "run", path],
            user: options.string("user") ?? "sordino-agent",
            writablePaths: outermost.sorted(),
            memoryMax: options.string("memory-max") ?? "1G")
        unit.readPaths = [try ServicePath.absolute(configuration.folder)]
        unit.startsPrograms = configuration.trainer != nil
        unit.seesHost = configuration.conditions.loadAverageBelow != nil
        let text = try unit.text()
        switch options.format {
        case .json: print(JSONValue.object(["unit": .string(text)]).text(indented: true))
        case .text: print(text, terminator: "")
        }
        return .done
    }
}
