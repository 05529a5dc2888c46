package import Configuration

/// A function of one value and its derivative, as a layer's activation: one file with a type that conforms, plus a line
/// `Elementwise<…>.self` in ``LayerCatalog``.
package protocol Activation: Sendable {
    /// Name in a model's `layers` list, such as `"relu"`.
    static var kind: String { get }
    /// The argument that a bare value stands for; nil where none does.
    static var shorthand: String? { get }
    /// The range that weights before it start in.
    static var initialRange: InitialRange { get }

    /// Reads the function's arguments; the caller checks afterwards that no unknown key is left.
    init(_ section: Section) throws
    /// All arguments with their values, as ``init(_:)`` reads them.
    var arguments: [String: JSONValue] { get }
    /// output = f(input), for `count` values.
    func apply(_ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, count: Int)
    /// inputDelta = f′(input) · outputDelta, for `count` values; `output` is what ``apply(_:_:count:)`` made of
    /// `input`.
    func differentiate(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, output: UnsafePointer<Float>, count: Int)
}

extension Activation {
    package static var shorthand: String? { nil }
    package static var initialRange: InitialRange { .glorot }
    package var arguments: [String: JSONValue] { [:] }
}

/// The layer that applies an activation to every value of whatever shape.
package struct Elementwise<Function: Activation>: Layer {
    package static var kind: String { Function.kind }
    package static var shorthand: String? { Function.shorthand }
    package static var initialRange: InitialRange { Function.initialRange }

    private let function: Function
    private var size = 0

    package init(_ section: Section) throws { function = try Function(section) }

    package var arguments: [String: JSONValue] { function.arguments }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        size = input.count
        return input
    }

    package func infer(_ pass: LayerPass) {
        function.apply(pass.output.base, pass.input.base, count: pass.count * size)
    }

    package func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        function.differentiate(
            inputDelta.base, pass.outputDelta.base, input: pass.input.base, output: pass.output.base,
            count: pass.count * size)
    }
}
