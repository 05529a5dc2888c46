internal import Compute
internal import Configuration

/// Attaches the elements of a specification to shapes, one after the other, and lays their parameters out.
struct NetworkBuilder {
    private let spec: ModelSpec
    private(set) var nodes: [Node] = []
    private(set) var shapes: [ActivationShape]
    private(set) var trained: [(name: String, shape: [Int])] = []
    private(set) var frozen: [(name: String, shape: [Int])] = []
    private(set) var starts: [PlacedStart] = []
    private(set) var regularised: [Range<Int>] = []
    private var trainedCount = 0
    private var frozenCount = 0
    private var names: Set<String> = []
    private var shared: [String: (place: ParameterPlace, shape: [Int])] = [:]
    private var adapted = 0

    init(_ spec: ModelSpec, input: ActivationShape) {
        self.spec = spec
        shapes = [input]
    }

    /// Builds all of the specification's elements. Throws ``ConfigurationError`` that names the layer which cannot take
    /// its input.
    mutating func build() throws {
        _ = try chain(spec.elements, from: 0, prefix: "")
        if spec.adapters != nil, adapted == 0 {
            throw fail("adapters.targets fits no layer that can be adapted: \(layerNames())")
        }
        markSharing()
    }

    private mutating func chain(_ elements: [ModelElement], from value: Int, prefix: String) throws -> Int {
        var value = value
        for (index, element) in elements.enumerated() {
            value = try add(element, from: value, name: Self.name(element, index, prefix))
        }
        return value
    }

    private static func name(_ element: ModelElement, _ index: Int, _ prefix: String) -> String {
        let part = element.name ?? String(index)
        if part == ModelElement.noName { return prefix }
        return prefix.isEmpty ? part : "\(prefix).\(part)"
    }

    /// More operations than any model has whose training ends: a hostile list must not keep those busy who read it.
    private static let nodeLimit = 10_000

    private mutating func add(_ element: ModelElement, from value: Int, name: String) throws -> Int {
        guard nodes.count < Self.nodeLimit else {
            throw fail("has more than \(Self.nodeLimit) layers, which nobody trains")
        }
        do {
            switch element.content {
            case .layer(let layer): return try add(layer, from: value, name: name)
            case .composite(let composite):
                switch try composite.parts(for: shapes[value]) {
                case .chain(let elements): return try chain(elements, from: value, prefix: name)
                case .sum(let body, let skip):
                    let skipped = skip.isEmpty ? value : try chain(skip, from: value, prefix: "\(name).skip")
                    let made = try chain(body, from: value, prefix: skip.isEmpty ? name : "\(name).body")
                    return try add(sumOf: made, skipped, name: name)
                }
            }
        } catch let problem as ShapeProblem {
            throw fail("layer \(name) (\(element.kind)): \(problem.message)")
        }
    }

    private mutating func add(sumOf left: Int, _ right: Int, name: String) throws -> Int {
        guard shapes[left] == shapes[right] else {
            throw ShapeProblem(
                message: "its layers yield shape \(shapes[left].sizes), which cannot be added to "
                    + "\(shapes[right].sizes); give skip a layer that yields the same")
        }
        return append(.sum, name, [left, right], shapes[left], [])
    }

    private mutating func add(_ layer: any Layer, from value: Int, name: String) throws -> Int {
        var layer = layer
        if layer.vocabulary != nil, value > 0 {
            throw ShapeProblem(message: "reads tokens, so it must be the model's first layer")
        }
        let output = try layer.attach(to: shapes[value])
        if let adapters = spec.adapters, adapters.targets.contains(where: { $0.matches(name) }) {
            guard let adaptable = layer as? any AdaptableLayer else {
                throw ShapeProblem(message: "cannot have an adapter: only dense layers can")
            }
            layer = adaptable.adapted(rank: adapters.rank, alpha: adapters.alpha)
            adapted += 1
        }
        let places = try layer.tensors.map { try place($0, of: name) }
        let mixes = Set(places.map { $0.offset == nil }).count > 1
        if layer.joinsTensors, mixes, !(layer is AdaptedDenseLayer) {
            throw ShapeProblem(message: "its parts are one matrix: freeze all of them or none")
        }
        return append(.layer(layer), name, [value], output, places)
    }

    private mutating func append(
        _ operation: Node.Operation, _ name: String, _ inputs: [Int], _ output: ActivationShape,
        _ places: [ParameterPlace]
    ) -> Int {
        shapes.append(output)
        nodes.append(
            Node(
                operation: operation, name: name, inputs: inputs, output: shapes.count - 1,
                inputShape: shapes[inputs[0]], outputShape: output, places: places, sharesParameters: false))
        return shapes.count - 1
    }

    private mutating func place(_ tensor: ParameterTensor, of node: String) throws -> ParameterPlace {
        let name = "\(node).\(tensor.name)"
        if let key = tensor.sharing, let known = shared[key] {
            guard known.shape == tensor.shape else {
                throw ShapeProblem(
                    message: "shares \"\(key)\", which has shape \(known.shape), not \(tensor.shape)")
            }
            return known.place
        }
        guard names.insert(name).inserted else { throw ShapeProblem(message: "another layer has this name") }
        let isFrozen = tensor.isFrozen || spec.freezes(name)
        let start = isFrozen ? frozenCount : trainedCount
        let place = ParameterPlace(
            count: tensor.count, offset: isFrozen ? nil : start, frozenOffset: start, isSharedAbove: false)
        let range = start..<(start + tensor.count)
        starts.append(PlacedStart(range: range, isFrozen: isFrozen, start: tensor.start, node: nodes.count))
        if isFrozen {
            frozen.append((name, tensor.shape))
            frozenCount += tensor.count
        } else {
            trained.append((name, tensor.shape))
            trainedCount += tensor.count
            if tensor.isRegularised { regularised.append(range) }
        }
        if let key = tensor.sharing { shared[key] = (place, tensor.shape) }
        return place
    }

    // Backward meets the last node first: every earlier one adds to what that left.
    private mutating func markSharing() {
        var users: [Int: Int] = [:]
        for offset in nodes.flatMap({ Set($0.places.compactMap(\.offset)) }) {
            users[offset, default: 0] += 1
        }
        var seen: Set<Int> = []
        for index in nodes.indices.reversed() {
            let node = nodes[index]
            let places = node.places.map { place in
                ParameterPlace(
                    count: place.count, offset: place.offset, frozenOffset: place.frozenOffset,
                    isSharedAbove: place.offset.map { seen.contains($0) } ?? false)
            }
            let offsets = node.places.compactMap(\.offset)
            seen.formUnion(offsets)
            nodes[index] = Node(
                operation: node.operation, name: node.name, inputs: node.inputs, output: node.output,
                inputShape: node.inputShape, outputShape: node.outputShape, places: places,
                sharesParameters: offsets.contains { users[$0, default: 0] > 1 })
        }
    }

    private func layerNames() -> String {
        let names = nodes.filter { $0.layer is any AdaptableLayer }.map(\.name)
        return names.isEmpty ? "there is none" : "there are " + names.prefix(12).joined(separator: ", ")
    }

    private func fail(_ problem: String) -> ConfigurationError {
        ConfigurationError(path: spec.path, problem: problem)
    }
}

/// How one tensor of a model starts.
struct PlacedStart: Sendable {
    /// Its values among the trained or the frozen parameters.
    let range: Range<Int>
    let isFrozen: Bool
    let start: ParameterTensor.Start
    /// The node that has it first.
    let node: Int
}
