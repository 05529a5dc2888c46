/// The parameter tensors of a network as it is built, by what becomes of them.
struct ParametersByRole {
    /// Tensors of one role, in the order in which they lie in memory.
    struct Block {
        private(set) var entries: [(name: String, shape: [Int])] = []
        /// Number of values.
        private(set) var count = 0

        /// Lays a tensor behind the others; returns the index of its first value among them.
        mutating func add(_ name: String, _ shape: [Int]) -> Int {
            defer { count += shape.reduce(1, *) }
            entries.append((name, shape))
            return count
        }
    }

    private(set) var shared = Block()
    private(set) var local = Block()
    private(set) var frozen = Block()

    /// The block of a role.
    subscript(role: ParameterRole) -> Block {
        get {
            switch role {
            case .shared: shared
            case .local: local
            case .frozen: frozen
            }
        }
        set {
            switch role {
            case .shared: shared = newValue
            case .local: local = newValue
            case .frozen: frozen = newValue
            }
        }
    }
}

/// How one tensor of a model starts.
struct PlacedStart: Sendable {
    /// Its values among the parameters of its role.
    let range: Range<Int>
    let role: ParameterRole
    let start: ParameterTensor.Start
    /// The node that has it first.
    let node: Int
}
