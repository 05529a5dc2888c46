package import Compute
internal import Glibc

/// Up to which mean loss a model may still be one that learns.
///
/// A model that has diverged in large but finite numbers has a loss that no untrained model has: a rate too high
/// shows here long before anything overflows. The bound is loose on purpose, since what exceeds it is a warning.
package struct PlausibleLoss: Sendable {
    /// Greatest mean loss an example that is not remarked upon.
    package let bound: Double

    /// How many times the loss of knowing nothing is still plausible.
    private static let factor = 100.0

    /// The bound for targets of this kind: of classes a multiple of the uniform guess's cross-entropy, ln k; of values a
    /// multiple of their mean square about zero, which is what predicting zero costs.
    package init(_ targets: Examples.Targets) {
        switch targets {
        case .classes(_, let count), .tokens(_, _, let count):
            self.init(bound: Self.factor * log(Double(max(2, count))))
        case .values(let values, _):
            let squares = values.reduce(0.0) { $0 + Double($1) * Double($1) }
            // Huber's loss grows more slowly than the square, so that the square bounds both.
            self.init(ofValues: squares / Double(max(1, values.count)))
        }
    }

    /// The bound for training on these examples: under a loss that reads the input, a multiple of what zeros cost there.
    package init(_ examples: Examples, _ loss: (any Loss)?) {
        guard let loss, type(of: loss).readsInput else {
            self.init(examples.targets)
            return
        }
        self.init(ofValues: Reconstruction.lossOfZeros(examples))
    }

    // Targets that are all zero leave room for the loss of the initial weights.
    private init(ofValues meanSquare: Double) { self.init(bound: Self.factor * max(1, meanSquare)) }

    private init(bound: Double) { self.bound = bound }

    /// Whether no model that learns has this loss; true of what is no number.
    package func isExceeded(by loss: Double) -> Bool { !(loss <= bound) }
}
