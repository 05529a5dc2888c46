package import Configuration

/// Layers one after the other, as one element: `{sequential: [{dense: 64}, "relu"], name: "head"}`.
package struct SequentialLayer: CompositeLayer {
    package static let kind = "sequential"
    package static let shorthand: String? = "layers"

    private let layers: [ModelElement]

    package init(_ section: Section) throws {
        guard let items = try section.list("layers") else {
            throw section.error("layers", "is missing: a list of layers, such as [{dense: 64}, \"relu\"]")
        }
        layers = try ModelElement.list(items, path: "\(section.path).layers")
    }

    package var arguments: [String: JSONValue] { ["layers": .array(layers.map(\.json))] }

    package func parts(for input: ActivationShape) -> CompositeParts { .chain(layers) }
}
