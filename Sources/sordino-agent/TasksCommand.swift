internal import ClientAgent
internal import Configuration
internal import Glibc
internal import Operations

/// `sordino-agent tasks CONFIG`
enum TasksCommand {
    static let grammar = OptionGrammar(
        command: "sordino-agent tasks",
        summary: "Shows what servers ask of this site: model, privacy cost here, who submitted it.",
        positionals: [.init("CONFIG", "The agent's configuration file (JSON5).")],
        options: [.value("set", "path=value", "Overrides one key of the configuration.", repeatable: true)],
        notes: "  Two sites have the same task before them if they read the same digest to each other.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let configuration = try AgentArgument.configuration(options)
        let answer = try TaskInquiry.ask(configuration, log: Logger(level: .error))
        let now = Double(time(nil))
        switch options.format {
        case .json:
            let failures = answer.failures.map { server, failure in
                JSONValue.object(["server": .string(server), "problem": .string(failure.message)])
            }
            print(
                JSONValue.object([
                    "tasks": .array(answer.tasks.map(\.json)), "failures": .array(failures),
                ]).text(indented: true))
        case .text:
            for task in answer.tasks { print(task.lines(now: now).joined(separator: "\n") + "\n") }
            if answer.tasks.isEmpty, answer.failures.isEmpty { print("no server asks for anything") }
            for (server, failure) in answer.failures { print("\(server): \(failure.message)") }
        }
        return answer.failures.first?.failure.exitCode ?? .done
    }
}
