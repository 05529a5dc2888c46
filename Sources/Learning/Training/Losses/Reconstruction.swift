package import Compute
package import Configuration

/// (output − feature)², the mean over an example's features: what an autoencoder is trained by, whatever the data's
/// targets. The loss of one example is also its anomaly score: large where the example is like none of those that were
/// learnt (Sakurada and Yairi 2014).
package struct Reconstruction: Loss {
    package static let name = "reconstruction"
    package static let link = OutputLink.identity
    package static let readsInput = true

    package init(_ section: Section) {}
    init() {}

    package func evaluate(_ pass: LossPass) -> Double { MeanSquaredError().evaluate(pass) }

    /// The mean loss over examples of a model that knows nothing and yields zeros: the mean square of their features; 0
    /// without examples.
    package static func lossOfZeros(_ examples: Examples) -> Double {
        let sum: Double
        switch examples.features {
        case .floats(let values): sum = values.reduce(0) { $0 + Double($1) * Double($1) }
        case .bytes(let values, let scale):
            sum = values.reduce(0) { $0 + Double($1) * Double($1) } * Double(scale) * Double(scale)
        case .tokens: sum = 0
        }
        return sum / Double(max(1, examples.count * examples.featureCount))
    }

    /// The anomaly score of one example: the mean of `count` squared differences.
    static func score(
        _ outputs: UnsafePointer<Float>, _ features: UnsafePointer<Float>, count: Int
    ) -> Double {
        var sum = 0.0
        for index in 0..<count {
            let difference = Double(outputs[index]) - Double(features[index])
            sum += difference * difference
        }
        return sum / Double(count)
    }
}
