internal import Compute
internal import Configuration
internal import Federation
internal import Foundation
internal import Learning
internal import Operations
internal import Privacy

/// `server.runs`: what may be submitted to a server, whatever the task.
package struct RunRules: Sendable {
    /// Runs that are at work at once.
    package let atOnce: Int
    /// Runs that may wait.
    package let queue: Int
    /// Runs that may wait of one person.
    let queuePerPerson: Int
    /// Modes of privacy that are run.
    let modes: Set<PrivacyMode>
    /// Least noise of a private task, relative to its sensitivity; nil: any.
    let minimumNoise: Double?
    /// Greatest ε that a private task may be planned to; nil: any.
    let maximumEpsilon: Double?
    /// Greatest δ that a private task may be planned for.
    let maximumDelta: Double
    let maximumParameters: Int
    let maximumRounds: Int
    /// Fewest reports that may be released together.
    let minimumCohort: Int
    private let data: [String: JSONValue]
    private let checkpoints: String?

    /// Reads the section; relative paths start from `folder`. Throws ``ConfigurationError``.
    init(_ section: Section, folder: String) throws {
        atOnce = try section.integer("at_once", in: 1...64) ?? 2
        queue = try section.integer("queue", in: 0...10_000) ?? 100
        queuePerPerson = try section.integer("queue_per_person", in: 1...10_000) ?? 20
        let named = try section.list("modes")?.map { item -> PrivacyMode in
            guard case .string(let name) = item, let mode = PrivacyMode(rawValue: name) else {
                throw section.error(
                    "modes", "must be a list of \"distributed\", \"local\", \"central\" and \"none\"")
            }
            return mode
        }
        modes = Set(named ?? [.distributed, .local, .central])
        minimumNoise = try section.positive("minimum_noise_multiplier")
        maximumEpsilon = try section.positive("maximum_epsilon")
        maximumDelta =
            try section.number("maximum_delta", expected: "above 0 and below 1") { $0 > 0 && $0 < 1 } ?? 1e-5
        maximumParameters = try section.integer("maximum_parameters", in: 1...Int.max) ?? 100_000_000
        maximumRounds = try section.integer("maximum_rounds", in: 1...Int(Int32.max)) ?? 100_000
        minimumCohort = try section.integer("minimum_cohort", in: 1...Int(Int32.max)) ?? 1
        var data: [String: JSONValue] = [:]
        if let named = try section.section("data") {
            for name in named.keys { data[name] = named.value(name) }
        }
        self.data = data
        checkpoints = try section.string("checkpoints").map { ServerSettings.resolve($0, folder) }
        try section.finish()
    }

    /// The names of data sections that runs may name.
    var dataNames: [String] { data.keys.sorted() }

    /// A data section that runs may name. Throws ``ConfigurationError``.
    func data(_ name: String) throws -> JSONValue {
        if let section = data[name] { return section }
        throw ConfigurationError(
            path: "run.data",
            problem:
                "\(Section.unknownName(name, known: data.keys.sorted())); the operator names them in server.runs.data"
        )
    }

    /// The path of a checkpoint that runs may start from: a plain name, in the operator's folder. Throws
    /// ``ConfigurationError``.
    func checkpoint(_ name: String) throws -> String {
        guard let checkpoints else {
            throw ConfigurationError(
                path: "run.from.file",
                problem: "is not offered: the operator names a folder in server.runs.checkpoints")
        }
        let path = "\(checkpoints)/\(name)"
        guard !name.isEmpty, !name.contains("/"), !name.hasPrefix("."),
            FileManager.default.fileExists(atPath: path)
        else {
            throw ConfigurationError(
                path: "run.from.file", problem: "names no file of the operator's checkpoints: \"\(name)\"")
        }
        return path
    }

    /// Throws a refusing `Failure` for a model with more parameters than may be trained here, frozen ones among them.
    func require(_ model: Model) throws {
        let (count, overflows) = model.layout.count.addingReportingOverflow(model.frozenLayout.count)
        guard !overflows, count <= maximumParameters else {
            throw Failure(
                .refused,
                "the model has \(overflows ? "too many" : "\(count)") parameters, more than \(maximumParameters)"
            )
        }
    }

    /// What of a task these rules do not let run, one line each; empty where it may.
    func violations(_ plan: TaskPlan) -> [String] {
        let task = plan.configuration
        var found: [String] = []
        if !modes.contains(task.privacy.mode) {
            let allowed = modes.map(\.rawValue).sorted().joined(separator: ", ")
            found.append(
                "task.privacy.mode \"\(task.privacy.mode.rawValue)\" is not run here, but \(allowed)")
        }
        if plan.rules.rounds > maximumRounds {
            found.append("task.rounds is \(plan.rules.rounds), more than \(maximumRounds)")
        }
        if plan.rules.minimumReports < minimumCohort {
            found.append(
                "task.min_reports is \(plan.rules.minimumReports), fewer than \(minimumCohort)")
        }
        guard let privacy = plan.privacy else { return found }
        if privacy.configuration.targetDelta > maximumDelta {
            found.append(
                "task.privacy.target_delta is \(privacy.configuration.targetDelta), more than \(maximumDelta)"
            )
        }
        if let minimumNoise, privacy.noiseMultiplier < minimumNoise {
            found.append(
                "the noise multiplier is \(privacy.noiseMultiplier), less than \(minimumNoise)")
        }
        if let maximumEpsilon {
            let target = privacy.configuration.targetEpsilon ?? .infinity
            if target > maximumEpsilon {
                found.append(
                    "task.privacy.target_epsilon is \(target.isFinite ? "\(target)" : "missing"), and may be"
                        + " \(maximumEpsilon) at most")
            }
        }
        return found
    }
}
