internal import Compute
internal import Configuration

/// Attaches the elements of a specification to shapes, one after the other, and lays their parameters out.
struct NetworkBuilder {
    private let spec: ModelSpec
    private(set) var nodes: [Node] = []
    private(set) var shapes: [ActivationShape]
    private(set) var parameters = ParametersByRole()
    private(set) var starts: [PlacedStart] = []
    private var regularisedTensors: [ParameterPlace] = []
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
        try checkLocal()
        placeLocalBehindShared()
        markSharing()
    }

    /// The trained values that regularisation applies to.
    var regularised: [Range<Int>] {
        regularisedTensors.compactMap { place in
            place.offset.map { offset in
                let start = offset + (place.role == .local ? parameters.shared.count : 0)
                return start..<(start + place.count)
            }
        }
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
                    // Parts of one that adds nothing to names have the names of their own.
                    func prefix(_ part: String) -> String { name.isEmpty ? "" : "\(name).\(part)" }
                    let skipped = skip.isEmpty ? value : try chain(skip, from: value, prefix: prefix("skip"))
                    let made = try chain(body, from: value, prefix: skip.isEmpty ? name : prefix("body"))
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
        let mixes = Set(places.map(\.role)).count > 1
        if layer.joinsTensors, mixes, !(layer is AdaptedDenseLayer) {
            throw ShapeProblem(
                message:
                    "its parts are one matrix: freeze all of them or none, keep all of them local or none")
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
        if let key = tensor.sharing, spec.keepsLocal(name) {
            throw ShapeProblem(
                message: "\(name) fits model.local, but shares \"\(key)\": tied parameters cannot be local")
        }
        if let key = tensor.sharing, let known = shared[key] {
            guard known.shape == tensor.shape else {
                throw ShapeProblem(
                    message: "shares \"\(key)\", which has shape \(known.shape), not \(tensor.shape)")
            }
            return known.place
        }
        guard names.insert(name).inserted else { throw ShapeProblem(message: "another layer has this name") }
        let role = try role(of: tensor, name)
        let start = parameters[role].add(name, tensor.shape)
        let place = ParameterPlace(
            count: tensor.count, role: role, offset: role == .frozen ? nil : start, frozenOffset: start,
            isSharedAbove: false)
        starts.append(
            PlacedStart(
                range: start..<(start + tensor.count), role: role, start: tensor.start, node: nodes.count))
        if tensor.isRegularised, role != .frozen { regularisedTensors.append(place) }
        if let key = tensor.sharing { shared[key] = (place, tensor.shape) }
        return place
    }

    private func role(of tensor: ParameterTensor, _ name: String) throws -> ParameterRole {
        switch (tensor.isFrozen || spec.freezes(name), spec.keepsLocal(name)) {
        case (true, true):
            throw ShapeProblem(
                message: "\(name) is frozen and fits model.local: nobody trains it, so it is one of the two")
        case (true, false): return .frozen
        case (false, true): return .local
        case (false, false): return .shared
        }
    }

    private func checkLocal() throws {
        let path = "\(spec.path).local"
        for pattern in spec.local
        where !parameters.local.entries.contains(where: { pattern.matches($0.name) }) {
            let names = (parameters.shared.entries + parameters.local.entries).map(\.name)
            let shown = names.prefix(12).joined(separator: ", ") + (names.count > 12 ? ", …" : "")
            throw ConfigurationError(
                path: path, problem: "\"\(pattern.text)\" fits no parameter: there are \(shown)")
        }
        guard parameters.local.count == 0 || parameters.shared.count > 0 else {
            throw ConfigurationError(
                path: path, problem: "keeps every parameter at the client: nothing is left to learn together")
        }
    }

    // Shared and local parameters are trained as one vector; how long the first part is, the last layer decides.
    private mutating func placeLocalBehindShared() {
        guard parameters.local.count > 0 else { return }
        let base = parameters.shared.count
        nodes = nodes.map { node in
            node.with(
                places: node.places.map { place in
                    ParameterPlace(
                        count: place.count, role: place.role,
                        offset: place.offset.map { place.role == .local ? $0 + base : $0 },
                        frozenOffset: place.frozenOffset, isSharedAbove: place.isSharedAbove)
                }, sharesParameters: node.sharesParameters)
        }
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
                    count: place.count, role: place.role, offset: place.offset,
                    frozenOffset: place.frozenOffset,
                    isSharedAbove: place.offset.map { seen.contains($0) } ?? false)
            }
            let offsets = node.places.compactMap(\.offset)
            seen.formUnion(offsets)
            nodes[index] = node.with(
                places: places, sharesParameters: offsets.contains { users[$0, default: 0] > 1 })
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
