internal import Compute
internal import Foundation
internal import Operations

/// One subcommand of `sordino`.
protocol Subcommand: Sendable {
    /// What it accepts.
    static var grammar: OptionGrammar { get }
    /// Does its work and returns the exit code; throws for everything that ends it early.
    static func run(_ options: Options) throws -> ExitCode
}

/// `sordino`: the operator's and evaluator's command.
@main
enum SordinoMain {
    /// One line a subcommand: its words and its type.
    static let subcommands: [(words: [String], type: any Subcommand.Type)] = [
        (["simulate"], SimulateCommand.self),
        (["statistics"], StatisticsCommand.self),
        (["sweep"], SweepCommand.self),
        (["compare"], CompareCommand.self),
        (["audit", "p-value"], AuditPValueCommand.self),
        (["audit", "bound"], AuditBoundCommand.self),
        (["audit"], AuditCommand.self),
        (["train"], TrainCommand.self),
        (["evaluate"], EvaluateCommand.self),
        (["predict"], PredictCommand.self),
        (["check"], CheckCommand.self),
        (["schema"], SchemaCommand.self),
        (["import"], ImportCommand.self),
        (["export"], ExportCommand.self),
        (["privacy", "epsilon"], PrivacyEpsilonCommand.self),
        (["privacy", "calibrate"], PrivacyCalibrateCommand.self),
        (["privacy", "sample"], PrivacySampleCommand.self),
        (["serve"], ServeCommand.self),
        (["runs", "submit"], RunsSubmitCommand.self),
        (["runs", "list"], RunsListCommand.self),
        (["runs", "show"], RunsShowCommand.self),
        (["runs", "cancel"], RunsCancelCommand.self),
        (["runs", "extend"], RunsExtendCommand.self),
        (["runs", "archive"], RunsArchiveCommand.self),
        (["runs", "download"], RunsDownloadCommand.self),
        (["backup"], BackupCommand.self),
        (["restore"], RestoreCommand.self),
        (["status"], AdminStatusCommand.self),
        (["rounds"], RoundsCommand.self),
        (["agents"], AdminAgentsCommand.self),
        (["pause"], AdminPauseCommand.self),
        (["resume"], AdminResumeCommand.self),
        (["stop"], AdminStopCommand.self),
        (["models", "list"], ModelsListCommand.self),
        (["models", "promote"], ModelsPromoteCommand.self),
        (["models", "rollback"], ModelsRollbackCommand.self),
        (["models", "download"], ModelsDownloadCommand.self),
        (["tokens", "list"], TokensListCommand.self),
        (["tokens", "create"], TokensCreateCommand.self),
        (["tokens", "revoke"], TokensRevokeCommand.self),
        (["tokens", "rotate"], TokensRotateCommand.self),
        (["audit-log", "show"], AuditLogShowCommand.self),
        (["audit-log", "verify"], AuditLogVerifyCommand.self),
        (["audit-log", "fetch"], AuditLogFetchCommand.self),
        (["certs", "init"], CertsInitCommand.self),
        (["certs", "server"], CertsServerCommand.self),
        (["certs", "agent"], CertsAgentCommand.self),
        (["certs", "enrolment-token"], CertsEnrolmentTokenCommand.self),
        (["certs", "admin-token"], CertsAdminTokenCommand.self),
        (["certs", "renew"], CertsRenewCommand.self),
        (["certs", "revoke"], CertsRevokeCommand.self),
        (["certs", "list"], CertsListCommand.self),
        (["certs", "serve"], CertsServeCommand.self),
        (["unit", "server"], UnitServerCommand.self),
        (["unit", "authority"], UnitAuthorityCommand.self),
        (["ledger", "show"], LedgerShowCommand.self),
        (["ledger", "verify"], LedgerVerifyCommand.self),
        (["ledger", "accept"], LedgerAcceptCommand.self),
    ]

    static func main() {
        OpenBLASKernel.selectBest()
        Signals.install()
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            exit(try run(arguments).rawValue)
        } catch {
            let failure = Failure(wrapping: error)
            FileHandle.standardError.write(Data("sordino: \(failure.message)\n".utf8))
            exit(failure.exitCode.rawValue)
        }
    }

    private static func run(_ arguments: [String]) throws -> ExitCode {
        if arguments.isEmpty || ["--help", "-h", "help"].contains(arguments[0]) {
            StandardOutput.write(overview)
            return arguments.isEmpty ? .usage : .done
        }
        if arguments == ["--version"] {
            StandardOutput.write("sordino \(ProductVersion.current)\n")
            return .done
        }
        guard let found = subcommands.first(where: { arguments.starts(with: $0.words) }) else {
            throw Failure(.usage, "unknown command \"\(arguments[0])\" (see sordino --help)")
        }
        let options = try found.type.grammar.parse(Array(arguments.dropFirst(found.words.count)))
        if options.wantsHelp {
            StandardOutput.write(found.type.grammar.help)
            return .done
        }
        return try found.type.run(options)
    }

    private static var overview: String {
        let lines = subcommands.map { entry in
            let words = entry.words.joined(separator: " ")
            return
                "  \(words)\(String(repeating: " ", count: max(1, 24 - words.count)))\(entry.type.grammar.summary)\n"
        }
        return "sordino: federated learning with differential privacy\n\n\(lines.joined())\n"
            + "sordino COMMAND --help says more.\n"
    }
}
