package import Configuration
package import Learning

/// The clients of a forest: each sends the sums of its rows' derivatives for the level that is to grow next
/// (``TreeHistograms``). There is no training, so no key of it has a meaning.
package struct LevelHistograms: ClientRule {
    package let localWork = LocalWork.histograms

    package init(_ section: Section) {}

    package func localTraining(_ options: TrainingOptions) -> TrainingOptions { options }

    package func check(_ options: TrainingOptions) throws {
        var plain = try TrainingOptions(.object([:]), path: "task.training")
        plain.loss = options.loss
        guard options.json == plain.json else {
            throw ConfigurationError(
                path: "task.training",
                problem:
                    "has keys that strategy \"trees\" has no use for: nothing is trained by steps; say training: {}"
            )
        }
    }
}
