internal import Configuration
internal import Datasets
internal import Federation

/// What columns and classes mean, where the server has no data to say it: without it each site would number its own.
struct ServerSchema {
    /// The schema, which every published model carries.
    let preprocessing: Preprocessing
    /// Shape of one example at the model's input.
    let inputShape: [Int]

    /// Reads `task.schema`, or `server.preprocessing`. Throws ``ConfigurationError`` where there is none, or one that says
    /// too little.
    init(_ configuration: ServerConfiguration) throws {
        guard let schema = try Self.stated(configuration) else {
            throw ConfigurationError(
                path: "task.schema",
                problem:
                    "is missing: a server without data must say what columns and classes mean, or every site would number its own; sordino schema FILE prints it, or give server.data"
            )
        }
        preprocessing = schema
        if let count = preprocessing.featureCount {
            inputShape = configuration.inputShape ?? [count]
            guard inputShape.reduce(1, *) == count else {
                throw ConfigurationError(
                    path: "server.input_shape", problem: "does not hold the \(count) features of the schema")
            }
        } else {
            guard let shape = configuration.inputShape else {
                throw ConfigurationError(
                    path: "server.input_shape", problem: "is missing: the shape of one image, such as [784]")
            }
            inputShape = shape
        }
    }

    /// The schema that the configuration writes out, complete; nil where it has none. Throws ``ConfigurationError``.
    static func stated(_ configuration: ServerConfiguration) throws -> Preprocessing? {
        let path = configuration.task.schema == nil ? "server.preprocessing" : "task.schema"
        guard let json = configuration.task.schema ?? configuration.preprocessing else { return nil }
        guard configuration.task.schema == nil || configuration.preprocessing == nil else {
            throw ConfigurationError(
                path: "server.preprocessing", problem: "stands beside task.schema; remove one of the two")
        }
        let schema = try Preprocessing(json, path: path)
        try schema.checkCompleteness(path: path)
        return schema
    }
}
