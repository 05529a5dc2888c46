internal import Compute
package import Learning

/// What a client keeps for itself from round to round, as one vector of its ``ClientMemory``. A mark beside it is 1 once
/// there has been a round that kept any.
package enum OwnContent: String, Sendable {
    /// The model's local parameters, in the order of their layout.
    case localParameters = "local_parameters"
    /// A whole model, in the order of the published one's layout (``ClientRule``).
    case personalModel = "personal_model"

    /// Beside what is kept: 1 once anything is.
    static let markVector = ClientMemoryVector(name: "has_own", count: 1)
}

extension TaskPlan {
    /// What clients keep for themselves; nil where they keep nothing.
    package var ownContent: OwnContent? {
        if model.localLayout.count > 0 { return .localParameters }
        return personalTraining == nil ? nil : .personalModel
    }

    /// The vectors of a client's memory that hold it; empty where clients keep nothing.
    var ownVectors: [ClientMemoryVector] {
        guard let content = ownContent else { return [] }
        let count = content == .localParameters ? model.localLayout.count : model.layout.count
        return [
            ClientMemoryVector(name: content.rawValue, count: count),
            OwnContent.markVector,
        ]
    }

    /// The training of the model that a client keeps beside the published one; nil where it keeps none.
    package var personalTraining: TrainingOptions? {
        configuration.strategy.client.personalTraining(configuration.training)
    }
}

/// A model as single clients use it: the published parameters together with what each keeps for itself.
package struct OwnModel: Sendable {
    package let content: OwnContent
    /// Values that a client keeps.
    package let count: Int
    /// What local parameters start from; empty where whole models are kept.
    private let start: [Float]

    /// Of a plan's clients, in a run with this seed; nil where they keep nothing.
    package init?(_ plan: TaskPlan, seed: UInt64) {
        guard let content = plan.ownContent else { return nil }
        self.content = content
        switch content {
        case .localParameters: start = plan.model.initialLocalParameters(seed: seed).values
        case .personalModel: start = []
        }
        count = content == .localParameters ? start.count : plan.model.layout.count
    }

    /// Writes what the client has into `target`, which has room for ``count`` values: what it kept, or, where it has not
    /// kept any yet, what it starts from: local parameters as the seed draws them, a whole model as `published`.
    func load(
        _ memory: ClientMemory?, published: UnsafeBufferPointer<Float>,
        into target: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(target.count == count, "room for another model")
        if let memory, memory[OwnContent.markVector.name][0] != 0 {
            _ = target.update(fromContentsOf: memory[content.rawValue])
        } else if content == .personalModel {
            _ = target.update(fromContentsOf: published)
        } else {
            _ = target.update(fromContentsOf: start)
        }
    }

    /// Makes `values` what the client keeps.
    func keep(_ values: UnsafeMutableBufferPointer<Float>, in memory: ClientMemory?) {
        guard let memory else { preconditionFailure("a client that keeps a model has a memory") }
        _ = memory[content.rawValue].update(fromContentsOf: values)
        memory[OwnContent.markVector.name][0] = 1
    }

    /// All parameters of the published model as this client sees it: its local ones behind the shared ones.
    package func published(_ published: [Float], memory: ClientMemory?) -> [Float] {
        content == .localParameters ? published + own(published, memory) : published
    }

    /// All parameters of the model that the client itself would use.
    package func personal(_ published: [Float], memory: ClientMemory?) -> [Float] {
        let own = own(published, memory)
        return content == .localParameters ? published + own : own
    }

    private func own(_ published: [Float], _ memory: ClientMemory?) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { own, filled in
            own.initialize(repeating: 0)
            published.withUnsafeBufferPointer { load(memory, published: $0, into: own) }
            filled = count
        }
    }
}
