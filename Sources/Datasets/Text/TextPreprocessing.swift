package import Configuration

/// How text becomes the sequences that a model reads: fitted on training text, then the same everywhere.
package struct TextPreprocessing: Equatable, Sendable {
    let task: TextOptions.Task
    /// Tokens of a sequence.
    package let length: Int
    /// Tokens from the start of a sequence to that of the next one, for a site that does not say.
    let stride: Int
    package let tokenizer: TokenizerSchema
    /// Names of the classes in their order; empty where tokens are predicted.
    package let classNames: [String]

    /// Whether each position's next token is predicted.
    package var predictsTokens: Bool { task == .nextToken }

    init(
        task: TextOptions.Task, length: Int, stride: Int, tokenizer: TokenizerSchema, classNames: [String]
    ) {
        (self.task, self.length, self.stride) = (task, length, stride)
        (self.tokenizer, self.classNames) = (tokenizer, classNames)
    }

    /// As JSON.
    package var json: JSONValue {
        .object([
            "kind": .string("text"), "task": .string(task.rawValue), "length": .integer(length),
            "stride": .integer(stride), "tokenizer": tokenizer.json,
            "classes": .array(classNames.map { .string($0) }),
        ])
    }

    /// Reads what ``json`` gave; `kind` has been read already.
    init(_ section: Section) throws {
        task = try section.choice("task", of: TextOptions.Task.self) ?? .nextToken
        guard let length = try section.integer("length", in: 1...TextOptions.lengthLimit) else {
            throw section.error("length", "is missing: the tokens of a sequence")
        }
        self.length = length
        stride = try section.integer("stride", in: 1...TextOptions.lengthLimit) ?? length
        guard let inner = try section.section("tokenizer") else {
            throw section.error("tokenizer", "is missing")
        }
        tokenizer = try TokenizerSchema(inner)
        classNames = try Preprocessing.texts(section, "classes")
        guard classNames.isEmpty == (task == .nextToken) else {
            throw section.error("classes", "go with the task classification, and only with that")
        }
    }

    /// In which way another one means something else, in one line; nil where both mean the same. Classes are compared
    /// by the caller.
    func difference(from other: TextPreprocessing) -> String? {
        if task != other.task { return "its task is \(task.rawValue), not \(other.task.rawValue)" }
        if length != other.length { return "its sequences have \(length) tokens, not \(other.length)" }
        return tokenizer.difference(from: other.tokenizer)
    }
}
