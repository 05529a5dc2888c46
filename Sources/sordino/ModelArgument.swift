internal import Configuration
internal import Foundation
internal import Operations

/// `--model` of `sordino train`: a preset's name, a JSON5 file (a model or a scenario), or a model in braces.
enum ModelArgument {
    /// The folder that files which the model names are relative to: the file's own, or the current one.
    static func folder(_ options: Options) throws -> String {
        let text = try options.required("model")
        guard !text.hasPrefix("{"), text.hasSuffix(".json5") || text.hasSuffix(".json"),
            let slash = text.lastIndex(of: "/")
        else { return "." }
        return slash == text.startIndex ? "/" : String(text[..<slash])
    }

    /// The model's specification as configurations write it.
    static func json(_ options: Options) throws -> JSONValue {
        let text = try options.required("model")
        if text.hasPrefix("{") { return try JSONValue(json5: text.utf8, source: "--model") }
        if text.hasSuffix(".json5") || text.hasSuffix(".json") {
            let root = try ConfigurationDocument(contentsOf: text).root
            if case .object(let members) = root, case .object(let task)? = members["task"],
                let model = task["model"]
            {
                return model
            }
            if case .object(let members) = root, let model = members["model"] { return model }
            return root
        }
        var members: [String: JSONValue] = ["preset": .string(text)]
        if let hidden = options.string("hidden") {
            members["hidden"] = .array(
                try hidden.split(separator: ",").map { width in
                    guard let number = Int(width), number > 0 else {
                        throw options.usage("--hidden must be widths such as 64,64, not \"\(hidden)\"")
                    }
                    return .integer(number)
                })
        }
        return .object(members)
    }
}
