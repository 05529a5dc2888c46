extension ActivationShape {
    /// Positions and features at each, where the shape is a sequence: two sizes are time and features whether or not
    /// the first is known to be time. Throws ``ShapeProblem`` for any other.
    func sequence() throws(ShapeProblem) -> (positions: Int, width: Int) {
        guard hasTime && sizes.count > 1 || sizes.count == 2, count > 0 else {
            throw ShapeProblem(message: "needs a sequence, [time, features], not shape \(sizes)")
        }
        return (sizes[0], sizes.dropFirst().reduce(1, *))
    }
}
