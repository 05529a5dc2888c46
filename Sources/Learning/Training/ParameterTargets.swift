internal import Compute

/// The places of a network's parameter tensors in plain memory, and which of them a backward pass has targets for.
///
/// Owned by one ``Workspace``. Where some tensors are local the memory holds two more copies, with the places of shared or of
/// local tensors alone: what a layer gets as its targets is then a matter of an offset.
final class ParameterTargets {
    private let model: Model
    private let memory: UnsafeMutableBufferPointer<ParameterPlace>
    /// How far behind a node's tensors those lie that it has targets for.
    private var shift = 0
    /// The first node that has a target.
    private(set) var lowest = 0

    /// Targets for all that is trained.
    init(_ model: Model) {
        self.model = model
        var all = model.nodes.flatMap(\.places)
        if model.localLayout.count > 0 {
            all += [ParameterRole.shared, .local].flatMap { role in all.map { $0.only(role) } }
        }
        memory = .allocate(capacity: max(1, all.count))
        _ = memory.initialize(from: all)
    }

    deinit { memory.deallocate() }

    /// The places of all nodes' tensors, node after node.
    var places: UnsafeBufferPointer<ParameterPlace> { UnsafeBufferPointer(memory) }

    /// The targets of a node whose tensors are at `own`, which is a part of ``places``.
    func targets(_ own: UnsafeBufferPointer<ParameterPlace>) -> UnsafeBufferPointer<ParameterPlace> {
        UnsafeBufferPointer(start: own.baseAddress.map { $0 + shift }, count: own.count)
    }

    /// Says which parameters have targets from here on; the others are held. Not for private training.
    func changes(_ part: TrainedPart) {
        let tensors = model.nodes.reduce(0) { $0 + $1.places.count }
        let role: ParameterRole?
        switch part {
        case .all: (shift, role) = (0, nil)
        case .shared: (shift, role) = (tensors, .shared)
        case .local: (shift, role) = (2 * tensors, .local)
        }
        precondition(role == nil || model.localLayout.count > 0, "the model has one part only")
        lowest =
            role.flatMap { role in
                model.nodes.firstIndex { node in node.places.contains { $0.role == role } }
            } ?? 0
    }
}
