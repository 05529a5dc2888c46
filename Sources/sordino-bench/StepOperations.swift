import Configuration
import Learning

/// The floating-point operations that the products of one example's training step come to, as they are written: two for
/// each multiplication. What is added up or looked up element by element is not counted.
struct StepOperations {
    /// Of one example: forward, the input's delta where anything trained lies below, and the gradient of what is trained.
    private(set) var perExample = 0.0
    /// Whether convolutions are among them, which minimal filtering does with fewer (Winograd; Lavin and Gray 2016).
    private(set) var hasConvolutions = false

    /// Tensors of two axes and more that are read at an index and not multiplied with.
    private static let lookups: Set = ["embedding", "positions", "segment"]

    /// Adds up the model's nodes.
    init(_ model: Model) {
        // By value: whether its delta is needed, because something trained lies below.
        var needed = [false]
        for node in model.nodes {
            let below = node.inputs.contains { needed[$0] }
            needed.append(below || node.isTrained)
            guard let layer = node.layer else { continue }
            if node.kind == "attention" { perExample += Self.attention(node, layer, withDelta: below) }
            guard !Self.lookups.contains(node.kind) else { continue }
            if node.kind.hasPrefix("conv") { hasConvolutions = true }
            for (tensor, place) in zip(layer.tensors, node.places) where tensor.shape.count > 1 {
                let passes =
                    1 + (below || Self.readsInside(tensor.name) ? 1 : 0) + (place.offset != nil ? 1 : 0)
                perExample += 2 * Double(passes * Self.uses(of: node) * tensor.count)
            }
        }
    }

    /// What a batch of `count` examples is held against.
    func yardstick(batch count: Int) -> Yardstick {
        let operations = Double(count) * perExample
        return hasConvolutions ? .directOperations(operations) : .operations(operations)
    }

    // How often an example multiplies with each of a tensor's values.
    private static func uses(of node: Node) -> Int {
        node.kind == "conv2d"
            ? node.outputShape.sizes.dropFirst().reduce(1, *)
            : max(node.inputShape.positions, node.outputShape.positions)
    }

    // Whether the tensor reads a value that the layer itself made from parameters, so that a delta passes through it in
    // any case: a state, the output of a lower layer of a stack, the low side of an adapter.
    private static func readsInside(_ name: String) -> Bool {
        name.hasPrefix("weight_hh") || (name.hasPrefix("weight_ih") && name != "weight_ih_l0")
            || name.hasPrefix("lora_B")
    }

    // Scores and their mean of the values forward; backward twice as many products (Vaswani et al. 2017, section 3.2.1).
    // Pairs that a causal mask hides are not counted, nor scores that are computed a second time.
    private static func attention(_ node: Node, _ layer: any Layer, withDelta: Bool) -> Double {
        let time = node.outputShape.positions
        let isCausal = layer.arguments["causal"] == .bool(true)
        let pairs = isCausal ? time * (time + 1) / 2 : time * time
        return 2 * Double((withDelta ? 6 : 2) * pairs * node.outputShape.width)
    }
}
