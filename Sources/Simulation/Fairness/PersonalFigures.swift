/// What clients would use, in figures: the published model, a model of their own, and what becomes of the published one where
/// each trains it further. On what clients kept from training.
///
/// From exact values of simulated clients: a deployment could not know them and must not release them.
package struct PersonalFigures: Codable, Equatable, Sendable {
    /// One kind of model: by accuracy where there are classes, by error where values are predicted.
    package struct Model: Codable, Equatable, Sendable {
        package var accuracy: ClientAccuracy?
        package var error: ClientError?

        /// The figures of `scores`; `scale` is one unit that is learnt in the unit of the data.
        init(_ scores: [ClientScore?], scale: Double) {
            accuracy = ClientAccuracy(scores)
            error = ClientError(scores, scale: scale)
        }
    }

    /// Parameters that each client keeps of the model for itself; 0: none. With any, the published model is measured
    /// together with each client's own part.
    package var localParameters: Int
    package var published: Model
    /// Nil where clients keep no whole model.
    package var ownModel: Model?
    /// Nil without `simulation.fine_tune_epochs`.
    package var fineTuned: Model?

    private enum CodingKeys: String, CodingKey {
        case published
        case localParameters = "local_parameters"
        case ownModel = "own_model"
        case fineTuned = "fine_tuned"
    }

    /// The kinds that were measured, for readers, the published model first.
    package var models: [(name: String, figures: Model)] {
        let published = localParameters > 0 ? "published model with own part" : "published model"
        return [(published, self.published)]
            + [("model of its own", ownModel), ("after training further", fineTuned)].compactMap {
                name, model in
                model.map { (name, $0) }
            }
    }
}
