package import Compute
package import Configuration

/// Every loss, one line an entry.
package enum LossCatalog {
    package static let all: [any Loss.Type] = [
        SoftmaxCrossEntropy.self,
        BinaryCrossEntropy.self,
        MeanSquaredError.self,
        Huber.self,
        Reconstruction.self,
    ]

    /// The loss named under `loss`, or nil where the key is absent.
    package static func loss(_ section: Section) throws -> (any Loss)? {
        guard let name = try section.string("loss") else { return nil }
        guard let type = all.first(where: { $0.name == name }) else {
            throw section.error("loss", Section.unknownName(name, known: all.map { $0.name }))
        }
        return try type.init(section)
    }

    /// The loss that suits a model and its targets where none is named: softmax cross-entropy for classes,
    /// binary cross-entropy where one output stands for two classes, squared error for values.
    package static func standard(for model: Model, targets: Examples.Targets) -> any Loss {
        switch targets {
        case .classes where model.outputCount == 1: BinaryCrossEntropy()
        case .classes, .tokens: SoftmaxCrossEntropy()
        case .values: MeanSquaredError()
        }
    }

    /// Throws ``ConfigurationError`` unless `loss` can compare the model's outputs with such targets.
    package static func check(_ loss: any Loss, model: Model, targets: Examples.Targets) throws {
        let last =
            "layer \(model.nodes.last?.name ?? "") (\(model.lastKind)) yields \(model.outputCount) outputs"
        if type(of: loss).readsInput { return try checkReconstruction(loss, model, last) }
        if model.outputShape.hasTime {
            guard case .tokens = targets else {
                throw ConfigurationError(
                    path: model.spec.path,
                    problem:
                        "its output has \(model.outputShape.positions) positions, but the data has one target an "
                        + "example: end it with last_position, mean_over_time or flatten before the last dense layer"
                )
            }
        }
        let name = type(of: loss).name
        switch targets {
        case .classes(_, let count):
            let fits = model.outputCount >= max(count, 2)
            guard fits || (model.outputCount == 1 && count <= 2 && !type(of: loss).readsLabels) else {
                throw ConfigurationError(
                    path: model.spec.path,
                    problem: "\(last), but the data has \(count) classes (loss \(name))")
            }
        case .values(_, let width):
            guard !type(of: loss).readsLabels else {
                throw ConfigurationError(
                    path: model.spec.path,
                    problem: "loss \(name) needs classes, but the data's targets are numbers")
            }
            guard width == model.outputCount else {
                throw ConfigurationError(
                    path: model.spec.path,
                    problem: "\(last), but the data has \(width) target values an example")
            }
        case .tokens(_, let length, let classes):
            let shape = model.outputShape
            guard shape.hasTime, shape.positions == length, shape.width >= classes else {
                throw ConfigurationError(
                    path: model.spec.path,
                    problem:
                        "\(last) of shape \(shape.sizes), but the data has \(length) positions with one of "
                        + "\(classes) tokens each")
            }
            guard type(of: loss).readsLabels else {
                throw ConfigurationError(
                    path: model.spec.path,
                    problem: "loss \(name) reads numbers, but the data's targets are tokens")
            }
        }
    }

    /// Whatever the targets: outputs stand for features, one by one.
    private static func checkReconstruction(_ loss: any Loss, _ model: Model, _ last: String) throws {
        let (name, features) = (type(of: loss).name, model.inputShape.reduce(1, *))
        let problem: String
        if model.vocabulary != nil {
            problem = "loss \(name) compares outputs with features, but the model reads tokens"
        } else if model.outputShape.hasTime {
            problem = "its output has positions, which loss \(name) does not compare: end it with flatten"
        } else if model.outputCount != features {
            problem = "\(last), but an example has \(features) features to compare them with (loss \(name))"
        } else {
            return
        }
        throw ConfigurationError(path: model.spec.path, problem: problem)
    }
}
