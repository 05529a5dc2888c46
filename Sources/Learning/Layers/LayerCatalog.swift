package import Configuration

/// Every kind of layer, one line an entry.
package enum LayerCatalog {
    package static let all: [any Layer.Type] = [
        DenseLayer.self,
        Elementwise<ReLU>.self,
        Elementwise<LeakyReLU>.self,
        Elementwise<Sigmoid>.self,
        Elementwise<Tanh>.self,
        Elementwise<GELU>.self,
        SoftmaxLayer.self,
        DropoutLayer.self,
        FlattenLayer.self,
        LayerNormLayer.self,
    ]

    /// Reads one element of a `layers` list: `{dense: 64}`, `{dense: {units: 64}}`, `{relu: {}}` or `"relu"`.
    /// Throws ``ConfigurationError`` with the whole path.
    package static func layer(_ value: JSONValue, path: String) throws -> any Layer {
        let name: String
        let argument: JSONValue
        switch value {
        case .string(let text): (name, argument) = (text, .object([:]))
        case .object(let members):
            guard members.count == 1, let member = members.first else {
                throw ConfigurationError(
                    path: path, problem: "must name one layer, such as {dense: 64}, not \(members.count)")
            }
            (name, argument) = (member.key, member.value)
        default:
            throw ConfigurationError(
                path: path, problem: "must be a layer such as {dense: 64}, not \(value.kind)")
        }
        guard let type = all.first(where: { $0.kind == name }) else {
            throw ConfigurationError(
                path: path, problem: Section.unknownName(name, known: all.map { $0.kind }))
        }
        let section = try Section(try members(argument, of: type, path: path), path: "\(path).\(name)")
        let layer = try type.init(section)
        try section.finish()
        return layer
    }

    private static func members(
        _ argument: JSONValue, of type: any Layer.Type, path: String
    ) throws -> JSONValue {
        if case .object = argument { return argument }
        guard let key = type.shorthand else {
            throw ConfigurationError(
                path: "\(path).\(type.kind)", problem: "must be an object, such as {}, not \(argument.kind)")
        }
        return .object([key: argument])
    }
}
