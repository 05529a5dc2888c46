package import Configuration
package import Learning

/// FedSGD (McMahan et al. 2017): each client sends one full-batch gradient step, so that a round is one step of
/// large-batch SGD.
package struct SingleGradient: ClientRule {
    package let localWork = LocalWork.gradient

    package init(_ section: Section) {}

    package func localTraining(_ options: TrainingOptions) -> TrainingOptions {
        var options = options
        options.localEpochs = 1
        return options
    }
}
