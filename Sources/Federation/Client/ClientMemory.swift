/// A vector that a client keeps from round to round: a name that is one's own, and how many values it has.
package struct ClientMemoryVector: Equatable, Sendable {
    package let name: String
    package let count: Int

    /// A vector of `count` values under a name of small letters and underscores.
    package init(name: String, count: Int) { (self.name, self.count) = (name, count) }

    /// What a task's rule and its compression keep of a model of `count` parameters.
    static func ofRule(_ task: TaskConfiguration, count: Int) -> [ClientMemoryVector] {
        let feedsBack = task.compression?.compressor.feedsBack == true
        let names = (task.strategy.client.companion?.memory ?? []) + (feedsBack ? [Compression.residual] : [])
        return names.map { ClientMemoryVector(name: $0, count: count) }
    }
}

/// What a client keeps from round to round of one run: named vectors, zeros before its first round.
///
/// It never leaves the client. A round loads it, training reads it and leaves in its place what the next round shall
/// find, and whoever runs the client keeps that only once the server has accepted the report that was made with it:
/// a report that is lost leaves everything as it was. One belongs to one worker and is loaded for many clients.
package final class ClientMemory {
    /// The vectors, one behind the other in ``values``.
    package let vectors: [ClientMemoryVector]
    /// All values.
    package let values: UnsafeMutableBufferPointer<Float>

    /// Zeros for these vectors.
    package init(_ vectors: [ClientMemoryVector]) {
        self.vectors = vectors
        values = .allocate(capacity: vectors.reduce(0) { $0 + $1.count })
        values.initialize(repeating: 0)
    }

    deinit { values.deallocate() }

    /// The values of the vector of a name, which must be one of ``vectors``.
    package subscript(_ name: String) -> UnsafeMutableBufferPointer<Float> {
        var start = 0
        for vector in vectors {
            if vector.name == name { return .init(rebasing: values[start..<start + vector.count]) }
            start += vector.count
        }
        preconditionFailure("the client keeps no vector \(name)")
    }

    /// What was kept back of earlier updates; nil where nothing is.
    var residual: UnsafeMutableBufferPointer<Float>? {
        vectors.contains { $0.name == Compression.residual } ? self[Compression.residual] : nil
    }

    /// Makes all values zero, as they are before a client's first round.
    package func clear() { values.update(repeating: 0) }

    /// Whether there is nothing to keep.
    package var isEmpty: Bool { values.isEmpty }
}

/// What a client has in a round beside the published model.
package struct ClientContext {
    /// What the server's rule remembers of each parameter, where it publishes that; empty: zeros, as before the first
    /// round.
    package let serverState: [Float]
    /// What the client keeps, loaded; nil where the plan has it keep nothing.
    package let memory: ClientMemory?

    /// A context of these.
    package init(serverState: [Float] = [], memory: ClientMemory? = nil) {
        (self.serverState, self.memory) = (serverState, memory)
    }
}
