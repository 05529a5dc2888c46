package import Compute

/// The parameters of a model that nobody trains, shared by everyone who uses it: read, never written.
package final class FrozenParameters: Sendable {
    package let layout: ParameterLayout
    // Immutable after init, and alive as long as this object: reading it from several threads is safe.
    nonisolated(unsafe) private let memory: UnsafeMutableBufferPointer<Float>

    /// Takes a copy of `values`, which must fill the layout.
    package init(_ values: ParameterVector) {
        layout = values.layout
        memory = UnsafeMutableBufferPointer.allocate(capacity: max(1, layout.count))
        memory.initialize(repeating: 0)
        values.values.withUnsafeBufferPointer { _ = memory.update(fromContentsOf: $0) }
    }

    /// Lets `fill` write the values into their place, so that a large file is never in memory twice. Throws what it
    /// throws.
    package init(
        layout: ParameterLayout, fill: (UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws {
        self.layout = layout
        memory = UnsafeMutableBufferPointer.allocate(capacity: max(1, layout.count))
        memory.initialize(repeating: 0)
        try fill(UnsafeMutableBufferPointer(rebasing: memory[..<layout.count]))
    }

    /// The values in the layout's order.
    package var values: UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(rebasing: memory[..<layout.count])
    }

    /// The values' place, for layers, which share one type of pointer with trained parameters. Never written.
    var base: UnsafeMutablePointer<Float>? { memory.baseAddress }

    deinit { memory.deallocate() }
}
