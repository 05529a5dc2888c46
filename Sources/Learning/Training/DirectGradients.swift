/// Room for one example's gradient of one node, or of all nodes that share tensors with others, where private training
/// takes a norm from the gradient itself.
final class DirectGradients {
    /// Where each tensor's gradient lies in that room.
    struct Layout {
        /// Of each node its tensors, and where they end.
        fileprivate var places: [[ParameterPlace]] = []
        fileprivate var sizes: [Int] = []
        fileprivate var sharedSize = 0
        /// The table that two nodes share, where its norm is had without its gradient.
        fileprivate let tied: TiedTable?
        /// Floats that the room needs.
        private(set) var size = 0

        init(_ nodes: [Node]) {
            tied = TiedTable(nodes)
            // One offset among the trained parameters is one tensor, and gets one place.
            var shared: [Int: Int] = [:]
            for node in nodes {
                var end = 0
                places.append(
                    node.places.map { place in
                        guard let offset = place.offset else { return place }
                        let start: Int
                        if node.sharesParameters {
                            start = shared[offset] ?? sharedSize
                            if shared.updateValue(start, forKey: offset) == nil { sharedSize += place.count }
                        } else {
                            start = end
                            end += place.count
                        }
                        return ParameterPlace(
                            count: place.count, role: place.role, offset: start,
                            frozenOffset: place.frozenOffset,
                            isSharedAbove: place.isSharedAbove)
                    })
                sizes.append(end)
                if node.layer?.normRule == .direct { size = max(size, end) }
            }
            if tied != nil { sharedSize = 0 }
            size = max(size, sharedSize, tied?.size ?? 0)
        }
    }

    let room: FloatBlock
    /// The table that two nodes share, where its norm is had without its gradient.
    let tied: TiedTable?
    /// Floats of all tensors that nodes share, and of what else those nodes have.
    let sharedSize: Int
    private let sizes: [Int]
    private let starts: [Int]
    private let memory: UnsafeMutableBufferPointer<ParameterPlace>

    init(_ layout: Layout, _ room: FloatBlock) {
        self.room = room
        tied = layout.tied
        (sizes, sharedSize) = (layout.sizes, layout.sharedSize)
        var starts = [0]
        for places in layout.places { starts.append(starts[starts.count - 1] + places.count) }
        self.starts = starts
        memory = .allocate(capacity: max(1, starts[starts.count - 1]))
        _ = memory.initialize(from: layout.places.joined())
    }

    deinit { memory.deallocate() }

    /// Where the tensors of node `index` lie in ``room``.
    func places(of index: Int) -> UnsafeBufferPointer<ParameterPlace> {
        UnsafeBufferPointer(rebasing: memory[starts[index]..<starts[index + 1]])
    }

    /// Floats of the trained tensors of node `index`, which shares none.
    func size(of index: Int) -> Int { sizes[index] }
}
