package import Configuration

/// Layers, then a dense layer back to as many values as came in: `{reproduce: [{dense: 16}, "relu"]}` yields 64 values of
/// 64, and of [80, 6] with time 6 at each position. So a model can reconstruct its input without naming the data's width.
package struct ReproductionLayer: CompositeLayer {
    package static let kind = "reproduce"
    package static let shorthand: String? = "layers"

    private let layers: [ModelElement]
    private let path: String

    package init(_ section: Section) throws {
        guard let items = try section.list("layers") else {
            throw section.error("layers", "is missing: a list of layers, such as [{dense: 16}, \"relu\"]")
        }
        path = "\(section.path).layers"
        layers = try ModelElement.list(items, path: path)
    }

    package var arguments: [String: JSONValue] { ["layers": .array(layers.map(\.json))] }

    package func parts(for input: ActivationShape) throws -> CompositeParts {
        let last = JSONValue.object([DenseLayer.kind: .integer(input.width)])
        return .chain(layers + [try ModelElement(last, path: "\(path)[\(layers.count)]")])
    }
}
