/// The classes of a client's examples as the gradient of the last bias tells them: it is the mean of what the model says
/// too much of a class, so that only classes with examples are pulled down (Wainakh et al. 2022, "User-level label leakage
/// from gradients", algorithm 1).
enum LabelInference {
    /// `count` classes, ascending, from the bias's gradient to any positive scale. Of one example it is right where the gradient is
    /// exact; of several a guess.
    static func labels(biasGradient: [Float], count: Int) -> [Int32] {
        var left = biasGradient.map { Double($0.isFinite ? $0 : 0) }
        let negative = left.filter { $0 < 0 }.reduce(0, +)
        let impact = negative / Double(count) * (1 + 1 / Double(max(1, left.count)))
        var labels: [Int32] = []
        for label in left.indices.filter({ left[$0] < 0 }).sorted(by: { left[$0] < left[$1] })
        where labels.count < count {
            labels.append(Int32(label))
            left[label] -= impact
        }
        while labels.count < count, let label = left.indices.min(by: { left[$0] < left[$1] }) {
            labels.append(Int32(label))
            left[label] -= impact
        }
        return labels.sorted()
    }
}
