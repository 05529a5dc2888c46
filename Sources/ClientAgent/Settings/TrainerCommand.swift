internal import Configuration
package import Datasets

/// An external program that trains (`trainer` in the configuration).
package struct TrainerCommand: Equatable, Sendable {
    /// The program, found on `PATH` unless it has a slash, and its arguments.
    package var command: [String]
    /// Seconds after which it is ended.
    package var timeout: Double
    /// Bytes of address space of each of its processes; nil for no limit.
    package var memoryLimit: Int?
    /// The schema that its data follow, as the owner states it; nil: none is stated, and no task is served.
    package var schema: Preprocessing?
    /// The folder that it starts in.
    package var folder: String

    package init(
        command: [String], timeout: Double = 600, memoryLimit: Int? = nil, schema: Preprocessing? = nil,
        folder: String
    ) {
        self.command = command
        self.schema = schema
        self.timeout = timeout
        self.memoryLimit = memoryLimit
        self.folder = folder
    }

    /// Reads the section. Throws ``ConfigurationError``.
    init(_ section: Section, folder: String) throws {
        let words = try (section.list("command") ?? []).map { item in
            guard case .string(let word) = item, !word.utf8.contains(0) else {
                throw section.error("command", "must be a list of strings: program and arguments")
            }
            return word
        }
        guard words.first?.isEmpty == false else {
            throw section.error("command", "is missing, for example [\"python3\", \"train.py\"]")
        }
        command = words
        timeout = try section.seconds("timeout") ?? 600
        guard timeout > 0 else { throw section.error("timeout", "must be above 0") }
        memoryLimit = try section.integer("memory_limit_bytes", in: (16 << 20)...Int.max)
        if let value = section.value("schema") {
            let path = "\(section.path).schema"
            let json: JSONValue
            if case .string(let file) = value {
                json = try ConfigurationDocument(contentsOf: AgentConfiguration.path(file, folder)).root
            } else {
                json = value
            }
            schema = try Preprocessing(json, path: path)
            try schema?.checkCompleteness(path: path)
        }
        self.folder = folder
        try section.finish()
    }
}
