package import Compute
internal import Configuration
package import Messages

/// Weights that another program saved, such as a state dictionary of PyTorch, fitted to the layout of a model.
package struct ForeignWeights {
    /// How names of the file may be brought to those of the layout.
    package struct Rules: Sendable {
        /// Whether layers whose names differ are told by their shapes.
        package var matchesByShape = false
        /// Whether matrices lie as [inputs, units], as other frameworks have them.
        package var isTransposed = false

        package init(matchesByShape: Bool = false, isTransposed: Bool = false) {
            (self.matchesByShape, self.isTransposed) = (matchesByShape, isTransposed)
        }
    }

    package let parameters: ParameterVector
    /// Each parameter's name in the layout and in the file.
    package let names: [(parameter: String, tensor: String)]
    /// Tensors that are no part of the model: buffers of layers that it does not have or does not need.
    package let unused: [String]

    /// Ends of names of what layers keep beside their parameters.
    private static let buffers = ["running_mean", "running_var", "num_batches_tracked", "position_ids"]

    /// Finds every parameter of the layout in the file. Throws ``ConfigurationError`` that says what the file holds where
    /// one is missing, has another shape or is not finite, or where weights would be left over.
    package init(
        _ file: SafeTensors, layout: ParameterLayout, rules: Rules = Rules(), path: String
    ) throws {
        let tensors = file.tensors
        let wanted = layout.entries.map { entry in
            (
                name: entry.name,
                shape: rules.isTransposed && entry.shape.count == 2 ? entry.shape.reversed() : entry.shape
            )
        }
        func refuse(_ problem: String) -> ConfigurationError {
            ConfigurationError(path: path, problem: problem)
        }
        let needs = wanted.map { "\($0.name) \($0.shape)" }.joined(separator: ", ")
        let found =
            Self.byName(wanted.map(\.name), tensors)
            ?? (rules.matchesByShape ? Self.byShape(wanted, tensors) : nil)
        guard let found else {
            throw refuse("holds \(Self.list(tensors)), but the model needs \(Self.shorten(needs))")
        }
        var parameters = ParameterVector(zeros: layout)
        for (entry, (want, tensor)) in zip(layout.entries, zip(wanted, found)) {
            guard tensor.shape == want.shape else {
                let hint =
                    want.shape.count == 2 && tensor.shape == want.shape.reversed()
                    ? ": it is transposed (sordino import --transposed takes matrices as [inputs, units])"
                    : ""
                throw refuse("tensor \(tensor.name) has the shape \(tensor.shape), not \(want.shape)\(hint)")
            }
            guard tensor.values.allSatisfy(\.isFinite) else {
                throw refuse("tensor \(tensor.name) holds values that are not finite")
            }
            let isTurned = rules.isTransposed && entry.shape.count == 2
            parameters.values.replaceSubrange(
                entry.range,
                with: isTurned ? Self.transposed(tensor.values, shape: tensor.shape) : tensor.values)
        }
        let used = Set(found.map(\.name))
        let left = tensors.filter { !used.contains($0.name) }
        let weights = left.filter { tensor in !Self.buffers.contains { tensor.name.hasSuffix($0) } }
        guard weights.isEmpty else {
            throw refuse(
                "holds weights that the model does not have: \(Self.list(weights)); it needs \(Self.shorten(needs))"
            )
        }
        self.parameters = parameters
        names = zip(layout.entries, found).map { ($0.name, $1.name) }
        unused = left.map(\.name) + file.passedOver.map { "\($0.name) (\($0.type))" }
    }

    /// Names and shapes of tensors for a message.
    package static func list(_ tensors: [SafeTensors.Tensor]) -> String {
        guard !tensors.isEmpty else { return "no tensors" }
        let shown = tensors.prefix(8).map { "\(show($0.name)) \($0.shape)" }.joined(separator: ", ")
        return shown + (tensors.count > 8 ? " and \(tensors.count - 8) more" : "")
    }

    /// Tensors under the layout's names, all of them behind one prefix such as `module.`; nil where some are not there.
    private static func byName(_ names: [String], _ tensors: [SafeTensors.Tensor]) -> [SafeTensors.Tensor]? {
        let places = Dictionary(tensors.map { ($0.name, $0) }) { first, _ in first }
        guard let first = names.first else { return [] }
        let prefixes = tensors.map(\.name).filter { $0 == first || $0.hasSuffix("." + first) }
            .map { String($0.dropLast(first.count)) }
            .sorted { ($0.count, $0) < ($1.count, $1) }
        for prefix in prefixes {
            let found = names.compactMap { places[prefix + $0] }
            if found.count == names.count { return found }
        }
        return nil
    }

    /// Tensors layer by layer: each layer of the layout takes the first layer of the file, in the natural order of names,
    /// that has parameters of the same kinds and shapes; nil where one finds none.
    private static func byShape(
        _ wanted: [(name: String, shape: [Int])], _ tensors: [SafeTensors.Tensor]
    ) -> [SafeTensors.Tensor]? {
        func parts(_ name: String) -> (layer: String, kind: String) {
            guard let dot = name.lastIndex(of: ".") else { return ("", name) }
            return (String(name[..<dot]), String(name[name.index(after: dot)...]))
        }
        let layers = Dictionary(grouping: tensors) { parts($0.name).layer }
        var free = layers.keys.sorted { natural($0).lexicographicallyPrecedes(natural($1)) }
        var found: [String: SafeTensors.Tensor] = [:]
        var order: [String] = []
        for want in wanted where order.last != parts(want.name).layer { order.append(parts(want.name).layer) }
        for layer in order {
            let own = wanted.filter { parts($0.name).layer == layer }
            let place = free.firstIndex { candidate in
                own.allSatisfy { want in
                    layers[candidate]?.contains {
                        parts($0.name).kind == parts(want.name).kind && $0.shape == want.shape
                    } ?? false
                }
            }
            guard let place else { return nil }
            let chosen = free.remove(at: place)
            for tensor in layers[chosen] ?? [] { found["\(layer).\(parts(tensor.name).kind)"] = tensor }
        }
        let result = wanted.compactMap { found[$0.name] }
        return result.count == wanted.count ? result : nil
    }

    /// A name cut into words and numbers, so that `fc10` comes behind `fc9`: numbers padded with zeros.
    private static func natural(_ name: String) -> [String] {
        name.split(separator: ".").map { part in
            let digits = part.reversed().prefix { $0.isASCII && $0.isNumber }
            let number = String(digits.reversed())
            return part.dropLast(number.count) + String(repeating: "0", count: max(0, 20 - number.count))
                + number
        }
    }

    /// The values of a matrix of this shape with rows and columns exchanged.
    private static func transposed(_ values: [Float], shape: [Int]) -> [Float] {
        let (rows, columns) = (shape[0], shape[1])
        return (0..<values.count).map { values[($0 % rows) * columns + $0 / rows] }
    }

    private static func show(_ name: String) -> String {
        String(name.unicodeScalars.prefix(60).map { $0.value < 32 || $0.value == 127 ? "?" : Character($0) })
    }

    private static func shorten(_ text: String) -> String {
        text.count > 400 ? text.prefix(400) + "…" : text
    }
}
