package import Compute

/// The parameters of a model that nobody trains, shared by everyone who uses it: read, never written.
package final class FrozenParameters: Sendable {
    package let layout: ParameterLayout
    // Immutable after init, and alive as long as this object: reading it from several threads is safe.
    nonisolated(unsafe) private let memory: UnsafeMutableBufferPointer<Float>

    /// Takes a copy of `values`, which must fill the layout.
    package init(_ values: ParameterVector) {
        layout = values.layout
        memory = UnsafeMutableBufferPointer.allocate(capacity: max(1, values.values.count))
        memory.initialize(repeating: 0)
        for (index, value) in values.values.enumerated() { memory[index] = value }
    }

    /// The values in the layout's order.
    package var values: UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(rebasing: memory[..<layout.count])
    }

    /// The values' place, for layers, which share one type of pointer with trained parameters. Never written.
    var base: UnsafeMutablePointer<Float>? { memory.baseAddress }

    deinit { memory.deallocate() }
}
