internal import AggregationServer
internal import Configuration
internal import Custody
internal import Foundation
internal import HTTPWire
internal import Ledger
internal import Operations

/// `sordino models list`.
enum ModelsListCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino models list",
        summary: "The versions of models in a server's registry, and their labels.",
        options: AdminRequest.options)

    static func run(_ options: Options) throws -> ExitCode {
        let answer = try AdminRequest.answer((.get, "registry", ""), options)
        AdminRequest.show(answer, to: "registry", options)
        return .done
    }
}

/// What the commands that move a label share.
enum ModelsLabel {
    static let task = OptionGrammar.Positional("TASK", "The task's name.")
    static let label = OptionGrammar.Option.value("label", "NAME", "The label, such as production.")

    /// Moves the label and says where it is now.
    static func move(_ word: String, _ query: [(String, String)], _ options: Options) throws -> ExitCode {
        let label = try options.required("label")
        let task = options.operands[0]
        let answer = try AdminRequest.answer(
            (.post, "registry/\(task)/\(word)", ""), options, query: query + [("label", label)])
        guard case .object(let members) = answer, case .integer(let version)? = members["version"] else {
            throw Failure(.network, "the server's answer is not what this version understands")
        }
        CertsArgument.write(members, "\(task): \(label) is version \(version)", options)
        return .done
    }
}

/// `sordino models promote`.
enum ModelsPromoteCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino models promote", summary: "Put a label on a version of a task's model.",
        positionals: [
            ModelsLabel.task, .init("VERSION", "The version's number, as sordino models list tells it."),
        ], options: AdminRequest.options + [ModelsLabel.label],
        notes: "The version's file is kept for as long as the label is on it.\n")

    static func run(_ options: Options) throws -> ExitCode {
        guard let version = Int(options.operands[1]), version > 0 else {
            throw options.usage("VERSION must be a number, not \"\(options.operands[1])\"")
        }
        return try ModelsLabel.move("promote", [("version", String(version))], options)
    }
}

/// `sordino models rollback`.
enum ModelsRollbackCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino models rollback", summary: "Put a label back on the version that had it before.",
        positionals: [ModelsLabel.task], options: AdminRequest.options + [ModelsLabel.label],
        notes: "The file of the version before is kept, too; those before that may be gone.\n")

    static func run(_ options: Options) throws -> ExitCode {
        try ModelsLabel.move("rollback", [], options)
    }
}

/// `sordino models download`.
enum ModelsDownloadCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino models download",
        summary: "Fetch a version's file, or that of the version that has a label, and verify it.",
        positionals: [ModelsLabel.task],
        options: AdminRequest.options + [
            .value("version", "N", "The version's number."), ModelsLabel.label,
            .value("public-key", "HEX", "The key that must have signed the label (default: any)."),
            .value("out", "FILE", "Where the model goes (default: TASK-VERSION.safetensors)."),
        ],
        notes: "With --label the server's signed lines are verified, and the file is what they say.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let task = options.operands[0]
        let wanted = try wanted(task, options)
        let path = options.string("out") ?? "\(task)-\(wanted.version).safetensors"
        guard options.string("out") != nil || !task.contains("/") else {
            throw options.usage("--out is missing: \"\(task)\" is no name for a file")
        }
        let digest = try ModelDownload.fetch(
            "/api/registry/\(task)/models/\(wanted.version)", to: path, digest: wanted.digest, options)
        CertsArgument.write(
            [
                "task": .string(task), "version": .integer(wanted.version), "sha256": .string(digest),
                "file": .string(path),
            ], "\(path): version \(wanted.version) of \(task), SHA-256 \(digest)", options)
        return .done
    }

    /// The version that is asked for, and what its file must hash to.
    private static func wanted(
        _ task: String, _ options: Options
    ) throws -> (version: Int, digest: String) {
        let number = try options.integer("version", in: 1...Int.max)
        guard let label = options.string("label") else {
            guard let number else { throw options.usage("needs --version N or --label NAME") }
            let answer = try AdminRequest.answer((.get, "registry", ""), options)
            guard let digest = RegistryText.digest(of: number, task, in: answer) else {
                throw Failure(.invalidInput, "the server's registry has no version \(number) of \(task)")
            }
            return (number, digest)
        }
        guard number == nil else { throw options.usage("--version and --label name two things; remove one") }
        let answer = try AdminRequest.answer((.get, "registry/\(task)/labels/\(label)", ""), options)
        guard case .object(let members) = answer, case .string(let versionLine)? = members["version_line"],
            case .string(let labelLine)? = members["label_line"],
            case .string(let stated)? = members["public_key"],
            let model = LabelledModel(
                versionLine: versionLine, labelLine: labelLine,
                publicKey: options.string("public-key") ?? stated),
            model.version.task == task, model.label.label == label
        else { throw Failure(.network, "the server's answer is not signed by the key that it must be") }
        return (model.version.version, model.version.modelDigest)
    }
}
