internal import Configuration
internal import Foundation
internal import Messages
internal import Operations

/// What somebody wants to be run: a `task` section, and a `run` section beside it. It comes over the wire, so that nothing
/// in it may name a file of the server's.
struct RunRequest: Sendable {
    /// Where the first model comes from.
    enum Start: Equatable, Sendable {
        /// A run of this server, and a round of it; nil: its newest model.
        case run(String, round: Int?)
        /// One of the operator's checkpoints, by its name.
        case file(String)
    }

    /// The `task` section.
    let task: [String: JSONValue]
    let name: String
    /// A data section of the operator's; nil: the server has no data for it.
    let data: String?
    let seed: Int
    let population: Int?
    let inputShape: JSONValue?
    let preprocessing: JSONValue?
    let start: Start?
    /// The run whose budget this one goes on with, below its target; nil: it has its own.
    let continued: String?
    /// Greater ones go first.
    let priority: Int
    /// The hours of the day in which it is at work; nil: all.
    let hours: DailyHours?
    /// Not before then, seconds since 1970.
    let notBefore: Double?
    /// The whole, as it came.
    let document: JSONValue

    /// Reads a submission. Throws ``ConfigurationError``.
    init(_ document: JSONValue) throws {
        self.document = document
        let root = try Section(document, path: "")
        guard case .object(let task)? = root.value("task") else {
            throw root.error("task", "is missing, or no section")
        }
        self.task = task
        _ = root.value("simulation")
        _ = root.value("server")
        let run = try root.section("run")
        try root.finish()
        guard case .string(let name)? = task["name"], !name.isEmpty, name.utf8.count <= 256 else {
            throw ConfigurationError(path: "task.name", problem: "is missing: what people call it")
        }
        self.name = name
        if case .string? = task["schema"] {
            throw ConfigurationError(
                path: "task.schema", problem: "names a file; sordino runs submit puts its content there")
        }
        if case .object(let model)? = task["model"], case .object(let from)? = model["from"],
            from["file"] != nil
        {
            throw ConfigurationError(
                path: "task.model.from.file", problem: "names a file of the server's; say run.from instead")
        }
        data = try run?.string("data")
        seed = try run?.integer("seed", in: 0...Int.max) ?? 1
        population = try run?.integer("population", in: 1...100_000_000)
        inputShape = run?.value("input_shape")
        preprocessing = run?.value("preprocessing")
        start = try run?.section("from").map(Self.start)
        continued = try run?.string("continues")
        if let continued, !RunRecord.isIdentity(continued) {
            throw ConfigurationError(
                path: "run.continues", problem: "must be a run's identity, 32 hexadecimal digits")
        }
        priority = try run?.integer("priority", in: -100...100) ?? 0
        hours = try run.flatMap { try DailyHours($0, "only_between") }
        notBefore = try run?.number("not_before", expected: "seconds since 1970, within a year") {
            // A run that never begins would keep its place in the queue for ever.
            $0 >= 0 && $0 < Date().timeIntervalSince1970 + 366 * 86_400
        }
        try run?.finish()
    }

    private static func start(_ section: Section) throws -> Start {
        let (run, file) = (try section.string("run"), try section.string("file"))
        let round = try section.integer("round", in: 1...Int(Int32.max))
        try section.finish()
        switch (run, file) {
        case (let run?, nil):
            guard RunRecord.isIdentity(run) else {
                throw section.error("run", "must be a run's identity, 32 hexadecimal digits")
            }
            return .run(run, round: round)
        case (nil, let file?) where round == nil: return .file(file)
        default: throw section.error("run", "or file must be given, one of them; a round goes with run")
        }
    }
}
