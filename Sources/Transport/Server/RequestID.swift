internal import Synchronization

/// What a request is called in logs: unlike any other of this process, and of other processes but by rare chance.
package struct RequestID: Sendable, Hashable, CustomStringConvertible {
    private static let process = UInt32.random(in: 0...UInt32.max)
    private static let last = Atomic<UInt64>(0)
    private let number: UInt64

    /// The next one.
    init() { number = Self.last.add(1, ordering: .relaxed).newValue }

    package var description: String {
        String(Self.process, radix: 16) + "-" + String(number, radix: 16)
    }
}
