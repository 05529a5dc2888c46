internal import Compute
internal import Configuration
internal import Datasets
package import Federation
internal import FoundationEssentials
internal import Glibc
internal import Learning
internal import Messages
internal import Operations

/// Trains with a program of the user's: any framework can take part, while clipping, noise and budget stay here.
///
/// The program finds three paths in its environment: `SORDINO_MODEL_IN` (safetensors), `SORDINO_CONFIG` (JSON)
/// and `SORDINO_MODEL_OUT`, where it must leave the trained model with the same tensors; without privacy its
/// metadata must also say `examples`, the number of examples that it trained on. Where the model has parameters that
/// nobody trains, `SORDINO_FROZEN_IN` is their file (safetensors). What it leaves is read as hostile input.
package final class ExternalTrainer: RoundTrainer {
    private let command: TrainerCommand
    /// A folder of the agent's for the files of one round.
    private let folder: String
    private let isStopped: () -> Bool
    private var delta: [Float] = []

    /// `isStopped` ends a running program when it begins to say true.
    package init(_ command: TrainerCommand, folder: String, isStopped: @escaping () -> Bool) {
        self.command = command
        self.folder = folder
        self.isStopped = isStopped
    }

    package var readsFrozenFile: Bool { true }

    package func examine(_ job: TrainingJob) throws {
        guard job.plan.example == nil else {
            throw TrainerFailure("the task wants per-example privacy, which only the built-in trainer gives")
        }
        guard job.plan.metrics == nil else {
            throw TrainerFailure("the task wants metrics of its model, which only the built-in trainer gives")
        }
        guard job.plan.configuration.strategy.client.companion == nil else {
            throw TrainerFailure(
                "the task's strategy wants more of a client than a trained model, which only the built-in trainer gives"
            )
        }
        guard job.plan.model.forest == nil else {
            throw TrainerFailure("the task grows a forest, for which only the built-in trainer makes sums")
        }
        guard job.plan.configuration.statistics == nil else {
            throw TrainerFailure(
                "the task asks for statistics, which only the built-in trainer makes of data")
        }
        guard job.plan.ownContent == nil else {
            throw TrainerFailure(
                "the task has each client keep parameters of its own, which only the built-in trainer does")
        }
        // What the program's data mean cannot be seen from here: its owner says it, in the schema's own words.
        guard let wanted = job.preprocessing else { throw TaskWithoutSchema() }
        guard let schema = command.schema else {
            throw ConfigurationError(
                path: "trainer.schema",
                problem: "is missing: the schema that the program's data follow, as sordino schema prints it")
        }
        if let difference = schema.difference(from: wanted) {
            throw ConfigurationError(path: "trainer.schema", problem: "is not the task's: \(difference)")
        }
    }

    package func withUpdate<Result>(
        _ job: TrainingJob, _ body: (UnsafeBufferPointer<Float>, Int) throws -> Result
    ) throws -> Result {
        try examine(job)
        // A folder of its own for every run: whatever an earlier one left behind is not in the way of this one.
        let log = "\(folder)/output.log"
        let place = "\(folder)/run-\(UUID().uuidString)"
        Self.clear(folder)
        _ = try OutputDirectory(place, mode: 0o700)
        defer { Self.clear(folder, keeping: "output.log") }
        let (input, output, settings) = (
            "\(place)/model-in.safetensors", "\(place)/model-out.safetensors", "\(place)/config.json"
        )
        let tensors = job.model.layout.entries.map {
            SafeTensors.Tensor(name: $0.name, shape: $0.shape, values: Array(job.model.values[$0.range]))
        }
        let model = SafeTensors(tensors: tensors).encoded()
        try AtomicFile.write(model, to: input, mode: 0o600)
        try AtomicFile.write(Self.settings(job).text(indented: true) + "\n", to: settings, mode: 0o600)
        // Twice the width for F64, and a header with the metadata of the user's framework.
        let limit = 2 * model.count + (1 << 20)
        var environment = [
            "SORDINO_MODEL_IN": input, "SORDINO_MODEL_OUT": output, "SORDINO_CONFIG": settings,
        ]
        environment["SORDINO_FROZEN_IN"] = job.frozenFile
        try run(
            environment: environment, log: log, fileLimit: max(limit, 16 << 20), mustEnd: job.mustEnd)
        let (trained, examples) = try Self.read(output, limit: limit, job: job)
        delta = trained.values
        return try delta.withUnsafeMutableBufferPointer { delta in
            for index in delta.indices { delta[index] -= job.model.values[index] }
            return try body(UnsafeBufferPointer(delta), examples)
        }
    }

    package func metrics(_ job: TrainingJob) throws -> ClientMetrics {
        throw TrainerFailure("the task wants metrics of its model, which only the built-in trainer gives")
    }

    /// Removes what is in the folder, as far as that can be done: the program may have left anything.
    private static func clear(_ folder: String, keeping kept: String? = nil) {
        let files = FileManager.default
        for name in (try? files.contentsOfDirectory(atPath: folder)) ?? [] where name != kept {
            try? files.removeItem(atPath: "\(folder)/\(name)")
        }
    }

    package func rest() {
        delta = []
        IdleMemory.giveBack()
    }

    private func run(
        environment: [String: String], log: String, fileLimit: Int, mustEnd: ContinuousClock.Instant?
    ) throws {
        var environment = environment
        // The little that interpreters need; nothing else of the agent's own environment.
        for name in ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        environment["PATH"] = environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        let child = try ChildProcess(
            ChildProcess.Launch(
                command: command.command, environment: environment, folder: command.folder, output: log,
                memoryLimit: command.memoryLimit, fileLimit: fileLimit))
        let name = command.command[0]
        // A frame of time that nobody may see anything in leaves none for tidying up.
        let frame = mustEnd.map { (ContinuousClock.now.duration(to: $0)).inSeconds } ?? .infinity
        let ending = child.wait(
            seconds: max(0, min(command.timeout, frame)), grace: mustEnd == nil ? nil : 0,
            isStopped: isStopped)
        switch ending {
        case .exited(0): return
        case .exited(let status):
            let limit = command.memoryLimit.map { ", its memory_limit_bytes is \($0)" } ?? ""
            throw TrainerFailure("\(name) ended with status \(status)\(limit); its output is in \(log)")
        case .killed(let signal):
            let reason = strsignal(signal).map { String(cString: $0) } ?? ""
            throw TrainerFailure(
                "\(name) was ended by signal \(signal) (\(reason)); its output is in \(log)")
        case .timedOut:
            throw TrainerFailure(
                "\(name) did not end within \(Quantity.decimal(min(command.timeout, frame), places: 1)) s")
        case .interrupted: throw TrainerFailure("interrupted")
        }
    }

    /// What the program is told of the task.
    private static func settings(_ job: TrainingJob) -> JSONValue {
        let members: [String: JSONValue] = [
            "round": .integer(job.round), "client": .integer(job.client),
            "seed": .integer(Int(truncatingIfNeeded: job.seed)),
            "task": .string(job.plan.configuration.name), "model": job.plan.configuration.model.json,
            "input_shape": .array(job.plan.model.inputShape.map { .integer($0) }),
            "training": job.plan.training.json, "preprocessing": job.preprocessing?.json ?? .null,
        ]
        return .object(members)
    }

    /// Reads what the program left, trusting nothing: type of the file, length, tensors, shapes, values.
    private static func read(
        _ path: String, limit: Int, job: TrainingJob
    ) throws -> (model: ParameterVector, examples: Int) {
        let content: [UInt8]?
        do throws(Failure) {
            content = try StateDirectory.contents(of: path, limit: limit)
        } catch {
            // The trainer's doing, not the disk's: the round is lost, the agent goes on.
            throw TrainerFailure("the trainer's model is not acceptable: \(error.message)")
        }
        guard let bytes = content else {
            throw TrainerFailure("the trainer left no file at SORDINO_MODEL_OUT")
        }
        let file: SafeTensors
        do {
            file = try bytes.withUnsafeBytes { try SafeTensors(decoding: $0) }
        } catch {
            throw TrainerFailure("the trainer's model is not acceptable: \(error)")
        }
        let layout = job.model.layout
        guard file.tensors.count == layout.entries.count else {
            throw TrainerFailure(
                "the trainer's model has \(file.tensors.count) tensors, not \(layout.entries.count)")
        }
        var model = ParameterVector(zeros: layout)
        for entry in layout.entries {
            guard let tensor = file.tensors.first(where: { $0.name == entry.name }),
                tensor.shape == entry.shape
            else {
                throw TrainerFailure("the trainer's model lacks tensor \(entry.name) of shape \(entry.shape)")
            }
            guard tensor.values.allSatisfy(\.isFinite) else {
                throw TrainerFailure("the trainer's tensor \(entry.name) holds values that are not finite")
            }
            model.values.replaceSubrange(entry.range, with: tensor.values)
        }
        if job.plan.weighsUniformly { return (model, 1) }
        guard let text = file.metadata["examples"], let examples = Int(text), (1...1 << 30).contains(examples)
        else {
            throw TrainerFailure(
                "the trainer's model lacks the metadata \"examples\", its number of examples, "
                    + "which weighs an update without privacy")
        }
        return (model, examples)
    }
}
