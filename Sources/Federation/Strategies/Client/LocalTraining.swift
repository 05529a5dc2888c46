package import Configuration
package import Learning

/// Epochs of training as the task configures it, from the published model on: the clients of federated averaging
/// (McMahan et al. 2017).
package struct LocalTraining: ClientRule {
    package init(_ section: Section) {}

    package func localTraining(_ options: TrainingOptions) -> TrainingOptions { options }
}
