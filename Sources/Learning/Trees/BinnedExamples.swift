internal import Compute

/// A table of examples as a forest's histograms read it: for each row the slots that it adds to, found once and for all.
///
/// Slot 0 of a node is the node's own sum; a row adds there whatever its values. Of each feature it adds to the slot of the
/// bin that its value lies in, unless that is the first, which has none.
final class BinnedExamples {
    /// Held on to, so that the memory that ``isOf(_:)`` knows it by is nobody else's meanwhile.
    private let examples: Examples
    /// [rows + 1]: where each row's slots begin.
    let starts: [UInt32]
    /// The slots that each row adds to beside slot 0.
    let slots: [UInt16]

    init(_ examples: Examples, _ shape: ForestShape) {
        self.examples = examples
        let width = examples.featureCount
        precondition(shape.edges.count == width, "a forest of other features")
        guard shape.splitSeed == nil else {
            // No bin is asked for where splits are drawn.
            (starts, slots) = ([], [])
            return
        }
        var (starts, slots): ([UInt32], [UInt16]) = ([0], [])
        starts.reserveCapacity(examples.count + 1)
        var row = [Float](repeating: 0, count: width)
        for index in 0..<examples.count {
            row.withUnsafeMutableBufferPointer { row in
                guard let base = row.baseAddress else { return }
                withUnsafePointer(to: Int32(index)) { place in
                    Kernels.gather(examples, UnsafeBufferPointer(start: place, count: 1), into: base)
                }
            }
            for feature in 0..<width {
                let bin = Self.bin(row[feature], shape.edges[feature])
                if bin > 0 { slots.append(UInt16(shape.slotStarts[feature] + bin - 1)) }
            }
            starts.append(UInt32(slots.count))
        }
        (self.starts, self.slots) = (starts, slots)
    }

    /// How many edges lie below a value: its bin. A value on an edge lies below it; what is no number lies above all.
    static func bin(_ value: Float, _ edges: [Float]) -> Int {
        var (low, high) = (0, edges.count)
        while low < high {
            let middle = (low + high) / 2
            if value <= edges[middle] { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Whether these are the very examples that were binned.
    func isOf(_ other: Examples) -> Bool {
        examples.count == other.count && examples.featureShape == other.featureShape
            && Self.address(examples.features) == Self.address(other.features)
            && Self.address(examples.targets) == Self.address(other.targets)
    }

    private static func address(_ features: Examples.Features) -> UnsafeRawPointer? {
        switch features {
        case .floats(let table): table.withUnsafeBytes { $0.baseAddress }
        case .bytes(let table, _): table.withUnsafeBytes { $0.baseAddress }
        case .tokens(let table, _): table.withUnsafeBytes { $0.baseAddress }
        }
    }

    private static func address(_ targets: Examples.Targets) -> UnsafeRawPointer? {
        switch targets {
        case .classes(let table, _): table.withUnsafeBytes { $0.baseAddress }
        case .values(let table, _): table.withUnsafeBytes { $0.baseAddress }
        case .tokens(let table, _, _): table.withUnsafeBytes { $0.baseAddress }
        }
    }
}
