internal import Compute
package import Configuration
package import Learning

/// FedExP's clients (Jhunjhunwala et al. 2023): they train as those of federated averaging and send ‖Δ‖² beside the
/// change.
package struct MeasuredTraining: ClientRule {
    package init(_ section: Section) {}

    package let companion: ClientCompanion? = ClientCompanion(scalars: ["square_norm"])

    package func localTraining(_ options: TrainingOptions) -> TrainingOptions { options }

    package func complete(_ pass: ClientPass) {
        let change = UnsafeBufferPointer(pass.change)
        pass.scalars[0] = Float(
            change.baseAddress.map { Kernels.squareNorm($0, count: change.count) } ?? 0)
    }
}
