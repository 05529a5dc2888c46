internal import Compute
package import Configuration

/// Named blocks of numbers beside data that pass through unchanged: y = x, whatever the numbers are.
///
/// What a federation counts over its clients' tables is published as the parameters of such a layer, so that it goes the way of
/// every model. `blocks` is a list of `{ name, size }`; each block starts at zeros, and its slope is zero.
package struct StatisticsLayer: Layer {
    package static let kind = "statistics"
    package static let initialRange = InitialRange.ofNextLayer

    /// Most numbers of all blocks together.
    package static let limit = 1 << 20

    private let blocks: [(name: String, size: Int)]
    private var size = 0

    package init(_ section: Section) throws {
        guard let items = try section.list("blocks"), !items.isEmpty else {
            throw section.error("blocks", "is missing: a list such as [{ name: \"age.mean\", size: 2 }]")
        }
        var names: Set<String> = []
        blocks = try items.enumerated().map { index, item in
            let block = try Section(item, path: "\(section.path).blocks.\(index)")
            guard let name = try block.string("name"), !name.isEmpty, names.insert(name).inserted else {
                throw block.error("name", "must be given, and no name twice")
            }
            guard let size = try block.integer("size", in: 1...Self.limit) else {
                throw block.error("size", "is missing: how many numbers")
            }
            try block.finish()
            return (name, size)
        }
        let total = blocks.reduce(0) { $0 + $1.size }
        guard total <= Self.limit else {
            throw section.error("blocks", "hold \(total) numbers together, above the \(Self.limit) possible")
        }
    }

    package var arguments: [String: JSONValue] {
        [
            "blocks": .array(
                blocks.map { .object(["name": .string($0.name), "size": .integer($0.size)]) })
        ]
    }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        size = input.count
        return input
    }

    package var tensors: [ParameterTensor] {
        blocks.map {
            ParameterTensor(name: $0.name, shape: [$0.size], start: .zeros, isRegularised: false)
        }
    }

    package func infer(_ pass: LayerPass) {
        pass.output.base.update(from: pass.input.base, count: pass.count * size)
    }

    package func backward(_ pass: LayerPass) {
        pass.inputDelta?.base.update(from: pass.outputDelta.base, count: pass.count * size)
    }

    package func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks) {
        for index in blocks.indices {
            guard let (target, keep) = gradient[index] else { continue }
            if keep == 0 {
                target.update(repeating: 0, count: blocks[index].size)
            } else if keep != 1 {
                for place in 0..<blocks[index].size { target[place] *= keep }
            }
        }
    }
}
