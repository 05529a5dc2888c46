package import Compute
package import Configuration
package import Learning
package import Messages

/// A published model as a safetensors file that can be used on its own: parameters, architecture, and the
/// preprocessing of its inputs.
package enum ModelFile {
    /// Metadata keys.
    private static let modelKey = "sordino.model"
    private static let inputKey = "sordino.input_shape"
    private static let lossKey = "sordino.loss"
    private static let dataKey = "sordino.data"
    private static let labelKey = "sordino.label"
    /// The keys whose values ``description(_:path:)`` reads.
    package static let descriptionKeys: Set = [modelKey, inputKey, lossKey, dataKey, labelKey]

    /// A loss as a training section writes it.
    package static func json(of loss: any Loss) -> JSONValue {
        .object(loss.arguments.merging(["loss": .string(type(of: loss).name)]) { $1 })
    }

    /// What a model file says besides its parameters.
    package struct Description: Sendable {
        /// The model's specification, as configurations write it.
        package var model: JSONValue
        package var inputShape: [Int]
        /// The loss that it was trained with and its parameters, as a training section writes them.
        package var loss: JSONValue
        /// The fitted preprocessing and the names of classes.
        package var data: JSONValue
        /// Name of the label's column in training; nil where it had none.
        package var label: String?

        package init(
            model: JSONValue, inputShape: [Int], loss: JSONValue, data: JSONValue, label: String? = nil
        ) {
            self.label = label
            self.model = model
            self.inputShape = inputShape
            self.loss = loss
            self.data = data
        }
    }

    /// The tensors of a model, named and shaped by its layout.
    package static func tensors(_ parameters: ParameterVector) -> [SafeTensors.Tensor] {
        parameters.layout.entries.map {
            SafeTensors.Tensor(name: $0.name, shape: $0.shape, values: Array(parameters.values[$0.range]))
        }
    }

    /// The file's bytes; equal models give equal bytes.
    package static func encode(
        _ parameters: ParameterVector, _ description: Description, extra: [String: String] = [:]
    ) -> [UInt8] {
        var bytes = head(parameters.layout, description, extra: extra)
        // Safetensors is little-endian, as is every platform that this package supports.
        parameters.values.withUnsafeBytes { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// The file's bytes before the parameters' values, which follow in the layout's order, little-endian.
    package static func head(
        _ layout: ParameterLayout, _ description: Description, extra: [String: String] = [:]
    ) -> [UInt8] {
        head(layout, metadata: metadata(description).merging(extra) { own, _ in own })
    }

    /// The same of metadata that ``metadata(_:)`` made, and perhaps more.
    package static func head(_ layout: ParameterLayout, metadata: [String: String]) -> [UInt8] {
        SafeTensors.head(layout.entries.map { ($0.name, $0.shape) }, metadata: metadata)
    }

    /// What a file's metadata say of a model.
    package static func metadata(_ description: Description) -> [String: String] {
        var metadata = [
            modelKey: description.model.text(),
            inputKey: JSONValue.array(description.inputShape.map { .integer($0) }).text(),
            lossKey: description.loss.text(), dataKey: description.data.text(),
        ]
        metadata[labelKey] = description.label
        return metadata
    }

    /// Where the values of a file that ``head(_:_:extra:)`` began lie in it. Throws ``ConfigurationError`` where the
    /// bytes are no such file of this layout.
    package static func values(
        in bytes: UnsafeRawBufferPointer, layout: ParameterLayout, path: String
    ) throws -> Range<Int> {
        let tensors: [SafeTensorsContents.Tensor]
        do {
            tensors = try SafeTensorsContents(decoding: bytes).tensors
        } catch {
            throw ConfigurationError(path: path, problem: "is no model: \(error)")
        }
        // Tensors without values have no order of their own in the file.
        let wanted = layout.entries.filter { $0.count > 0 }
        let found = tensors.filter { !$0.bytes.isEmpty }
        guard found.count == wanted.count,
            zip(found, wanted).allSatisfy({ $0.name == $1.name && $0.shape == $1.shape && $0.width == 4 })
        else { throw ConfigurationError(path: path, problem: "does not hold the task's model") }
        return bytes.count - 4 * layout.count..<bytes.count
    }

    /// What the metadata of a published model say; throws ``ConfigurationError`` when they are not there.
    package static func description(_ file: SafeTensors, path: String) throws -> Description {
        func json(_ key: String) throws -> JSONValue {
            guard let text = file.metadata[key] else {
                throw ConfigurationError(
                    path: path,
                    problem:
                        "has no \(key) in its metadata: not a model of Sordino; it holds \(ForeignWeights.list(file.tensors)) (sordino import makes a model of weights)"
                )
            }
            return try JSONValue(json5: text.utf8, source: "\(path): \(key)")
        }
        guard case .array(let items) = try json(inputKey) else {
            throw ConfigurationError(path: path, problem: "\(inputKey) is not a shape")
        }
        let shape = try items.map { item in
            guard case .integer(let size) = item, size > 0, size < 1 << 31 else {
                throw ConfigurationError(path: path, problem: "\(inputKey) is not a shape")
            }
            return size
        }
        return Description(
            model: try json(modelKey), inputShape: shape, loss: try json(lossKey),
            data: try json(dataKey), label: file.metadata[labelKey])
    }

    /// The parameters that tensors hold, whatever their order; every tensor of the layout must be there in its
    /// shape, finite, and no other. Throws ``ConfigurationError``.
    package static func parameters(
        _ tensors: [SafeTensors.Tensor], layout: ParameterLayout, path: String
    ) throws -> ParameterVector {
        var parameters = ParameterVector(zeros: layout)
        guard tensors.count == layout.entries.count else {
            throw ConfigurationError(
                path: path,
                problem: "has \(tensors.count) tensors where the model has \(layout.entries.count)")
        }
        for entry in layout.entries {
            guard let tensor = tensors.first(where: { $0.name == entry.name }), tensor.shape == entry.shape
            else {
                throw ConfigurationError(
                    path: path, problem: "lacks tensor \(entry.name) of shape \(entry.shape)")
            }
            guard tensor.values.allSatisfy(\.isFinite) else {
                throw ConfigurationError(
                    path: path, problem: "tensor \(entry.name) holds values that are not finite")
            }
            parameters.values.replaceSubrange(entry.range, with: tensor.values)
        }
        return parameters
    }
}
