package import Compute
internal import Configuration

extension Model {
    /// The parameters of the model without adapters that computes the same: trained and frozen ones together, with each
    /// adapter's product added to the weight beside it (Hu et al. 2021, section 4.1). In the order of that model's
    /// layout. Both vectors must be this model's.
    package func merged(_ trained: ParameterVector, frozen: ParameterVector) -> ParameterVector {
        precondition(trained.layout == layout && frozen.layout == frozenLayout, "parameters of another model")
        precondition(localLayout.count == 0, "the local parameters of no client")
        var tensors: [(name: String, shape: [Int])] = []
        var parts: [ArraySlice<Float>] = []
        var seen: Set<String> = []
        for node in nodes {
            guard let layer = node.layer else { continue }
            let adapted = layer as? AdaptedDenseLayer
            for (tensor, place) in zip(layer.tensors, node.places) {
                let name = Self.name(of: place, tensor, in: self) ?? "\(node.name).\(tensor.name)"
                if AdaptedDenseLayer.adapterTensors.contains(tensor.name) || !seen.insert(name).inserted {
                    continue
                }
                tensors.append((name, tensor.shape))
                let source = place.offset == nil ? frozen.values : trained.values
                let start = place.offset ?? place.frozenOffset
                parts.append(source[start..<(start + place.count)])
            }
            if let adapted { add(adapted, node, trained, to: &parts) }
        }
        return ParameterVector(layout: ParameterLayout(tensors), values: Array(parts.joined()))
    }

    // Shared tensors have the name of the first layer that has them.
    private static func name(of place: ParameterPlace, _ tensor: ParameterTensor, in model: Model) -> String?
    {
        let entries = place.offset == nil ? model.frozenLayout.entries : model.layout.entries
        let start = place.offset ?? place.frozenOffset
        return entries.first { $0.offset == start && $0.shape == tensor.shape }?.name
    }

    // The weight's parts were appended in the order of the dense layer's tensors, biases behind them.
    private func add(
        _ layer: AdaptedDenseLayer, _ node: Node, _ trained: ParameterVector,
        to parts: inout [ArraySlice<Float>]
    ) {
        let product = layer.product(trained.values, places: node.places)
        let weights = layer.dense.biasIndex
        let first = parts.count - layer.dense.tensors.count
        var start = 0
        for index in first..<(first + weights) {
            let part = parts[index]
            parts[index] = ArraySlice(zip(part, product[start...]).map { $0 + $1 })
            start += part.count
        }
    }
}
