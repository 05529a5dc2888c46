/// Places of blocks that are needed for a time only, so that one takes the room of another that is done with.
///
/// Times are whole numbers in order, such as the places of nodes in a pass. Blocks are placed in the order in which they
/// are asked for, each at the lowest offset where nothing lies in its time.
struct BufferPlan {
    private struct Placed {
        let offset: Int
        let size: Int
        let time: ClosedRange<Int>
    }

    private var placed: [Placed] = []
    /// Room that all blocks need together.
    private(set) var size = 0

    /// The offset of a block of `size` that is in use throughout `time`.
    mutating func place(_ size: Int, during time: ClosedRange<Int>) -> Int {
        // On cache lines of its own.
        let size = (size + 15) / 16 * 16
        let others = placed.filter { $0.time.overlaps(time) }.sorted { $0.offset < $1.offset }
        var offset = 0
        for other in others where other.size > 0 {
            if other.offset >= offset + size { break }
            offset = max(offset, other.offset + other.size)
        }
        placed.append(Placed(offset: offset, size: size, time: time))
        self.size = max(self.size, offset + size)
        return offset
    }
}
