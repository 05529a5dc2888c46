package import Configuration

/// An element of a model that stands for several layers, so that a model stays a list.
///
/// Adding one is a file with a type that conforms, plus one line in ``CompositeCatalog``.
package protocol CompositeLayer: Sendable {
    /// Name in a model's `layers` list, such as `"residual"`.
    static var kind: String { get }
    /// The argument that a bare value stands for; nil where none does.
    static var shorthand: String? { get }
    /// Reads the arguments; the caller checks afterwards that no unknown key is left.
    init(_ section: Section) throws
    /// All arguments with their values, as ``init(_:)`` reads them.
    var arguments: [String: JSONValue] { get }
    /// What stands in its place on examples of this shape. Throws ``ShapeProblem`` where it cannot take that shape, and
    /// ``ConfigurationError`` where a layer within cannot be made.
    func parts(for input: ActivationShape) throws -> CompositeParts
}

extension CompositeLayer {
    package static var shorthand: String? { nil }
}

/// How the layers of a composite are joined.
package indirect enum CompositeParts: Sendable {
    /// One after the other.
    case chain([ModelElement])
    /// Both from the same input, their outputs added; an empty `skip` hands the input on. With two parts their
    /// parameters are named after them, `body` and `skip`.
    case sum(body: [ModelElement], skip: [ModelElement])
}

/// Every composite, one line an entry.
package enum CompositeCatalog {
    package static let all: [any CompositeLayer.Type] = [
        SequentialLayer.self,
        ResidualLayer.self,
        ReproductionLayer.self,
        TransformerBlock.self,
    ]
}
