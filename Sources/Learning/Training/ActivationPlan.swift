/// Where a network's values, deltas and scratch lie for batches of some size: what a pass needs, and no more.
///
/// Training keeps all values until its backward pass is over, and deltas as long as somebody reads them; private training
/// keeps deltas too, since it goes through them twice. Evaluation keeps a value until its last reader has run.
struct ActivationPlan {
    /// What the passes are for.
    enum Use {
        case evaluation
        case training
        case privateTraining
        /// As training, but the input's delta is wanted too.
        case inputGradients
    }

    /// How a node's delta reaches one of the values that it reads.
    enum DeltaRoute {
        /// Nobody needs it.
        case none
        /// Nothing lies there yet.
        case write
        /// Another node's lies there.
        case add
    }

    let use: Use
    let capacity: Int
    /// Offset and size of value v; of its delta, nil where nobody needs one.
    private(set) var values: [Int] = []
    private(set) var deltas: [Int?] = []
    /// Offset of each node's scratch, and its size for the whole batch.
    private(set) var scratch: [(offset: Int, size: Int)] = []
    /// By node, one route a value that it reads.
    private(set) var routes: [[DeltaRoute]] = []
    /// Room of everything above.
    private(set) var size = 0
    /// Largest room that one layer's call works in, and the largest delta that is added to another.
    private(set) var temporaries = 0
    private(set) var branch = 0

    init(_ model: Model, capacity: Int, use: Use) {
        (self.use, self.capacity) = (use, capacity)
        let nodes = model.nodes
        let needed = Self.valuesWithDelta(model, use)
        planRoutes(nodes, needed)
        // Times: forward visits node i at i; backward at 2n − i, after the loss at n.
        let last = 2 * nodes.count + 1
        var plan = BufferPlan()
        for (value, shape) in model.valueShapes.enumerated() {
            let born = nodes.firstIndex { $0.output == value } ?? 0
            let read = nodes.lastIndex { $0.inputs.contains(value) } ?? nodes.count
            // Whoever runs the passes reads the output: the last value, or the one before it where the last layer is
            // the loss's own link.
            let end = use == .evaluation && value < nodes.count - 1 ? read : last
            values.append(plan.place(capacity * shape.count, during: born...max(born, end)))
        }
        for (value, shape) in model.valueShapes.enumerated() {
            deltas.append(
                deltaPlace(
                    value, capacity * shape.count, nodes, needed, isLast: value == nodes.count, &plan, last))
        }
        for (index, node) in nodes.enumerated() {
            let size = capacity * (node.layer?.scratchPerExample ?? 0)
            let time = use == .evaluation ? index...index : 0...last
            scratch.append((plan.place(size, during: time), size))
            temporaries = max(temporaries, node.layer?.temporaries(count: capacity) ?? 0)
        }
        size = plan.size
    }

    private func deltaPlace(
        _ value: Int, _ size: Int, _ nodes: [Node], _ needed: [Bool], isLast: Bool, _ plan: inout BufferPlan,
        _ last: Int
    ) -> Int? {
        let count = nodes.count
        // Evaluation asks the loss for its value alone, but a loss writes its gradient.
        if use == .evaluation {
            return value >= count - 1 ? plan.place(size, during: count...last) : nil
        }
        guard needed[value] || value >= count - 1 else { return nil }
        if use == .privateTraining { return plan.place(size, during: 0...last) }
        let reader = nodes.lastIndex { $0.inputs.contains(value) } ?? count
        let producer = nodes.firstIndex { $0.output == value } ?? 0
        // The loss may write one value earlier.
        let born = value >= count - 1 ? count : 2 * count - reader
        return plan.place(size, during: min(born, 2 * count - producer)...(2 * count - producer))
    }

    private mutating func planRoutes(_ nodes: [Node], _ needed: [Bool]) {
        routes = [[DeltaRoute]](repeating: [], count: nodes.count)
        var written = Set<Int>()
        for (index, node) in nodes.enumerated().reversed() {
            for value in node.inputs {
                if !needed[value] {
                    routes[index].append(.none)
                } else if written.insert(value).inserted {
                    routes[index].append(.write)
                } else {
                    routes[index].append(.add)
                    branch = max(branch, capacity * node.inputShape.count)
                }
            }
        }
    }

    /// Of each value whether something trained lies at or below the node that yields it, or the input's delta is wanted.
    static func valuesWithDelta(_ model: Model, _ use: Use) -> [Bool] {
        var needed = [Bool](repeating: false, count: model.valueShapes.count)
        needed[0] = use == .inputGradients
        for node in model.nodes {
            needed[node.output] = node.isTrained || node.inputs.contains { needed[$0] }
        }
        return needed
    }

    /// Floats that training one more example takes, activations and deltas together; deltas that share room count in
    /// full.
    static func floatsPerExample(_ model: Model) -> Int {
        let values = model.valueShapes.reduce(0) { $0 + 2 * $1.count }
        return model.nodes.reduce(values) { $0 + ($1.layer?.scratchPerExample ?? 0) }
    }
}
