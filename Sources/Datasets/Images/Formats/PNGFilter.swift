/// The filters of PNG's rows (ISO/IEC 15948, section 9): each byte is stored as its difference from a guess.
enum PNGFilter {
    /// Undoes the filters in place: `rows` rows of a filter's byte and `rowBytes` bytes each. `pixelBytes` is the distance
    /// to the byte of the pixel to the left. Throws where a row has no known filter.
    static func undo(
        _ start: UnsafeMutablePointer<UInt8>, rows: Int, rowBytes: Int, pixelBytes: Int
    ) throws(DamagedImage) {
        for row in 0..<rows {
            let filter = start[row * (rowBytes + 1)]
            let current = start + row * (rowBytes + 1) + 1
            // Above the first row stand zeros.
            let above = row > 0 ? current - (rowBytes + 1) : nil
            switch filter {
            case 0: break
            case 1: addLeft(current, rowBytes, pixelBytes)
            case 2: if let above { addAbove(current, above, rowBytes) }
            case 3: addMean(current, above, rowBytes, pixelBytes)
            case 4:
                if let above {
                    addNearest(current, above, rowBytes, pixelBytes)
                } else {
                    // Of left, zero and zero the left one is always nearest.
                    addLeft(current, rowBytes, pixelBytes)
                }
            default: throw .damaged("a row of no known filter")
            }
        }
    }

    private static func addLeft(_ row: UnsafeMutablePointer<UInt8>, _ count: Int, _ distance: Int) {
        var place = distance
        while place < count {
            row[place] &+= row[place &- distance]
            place &+= 1
        }
    }

    private static func addAbove(
        _ row: UnsafeMutablePointer<UInt8>, _ above: UnsafePointer<UInt8>, _ count: Int
    ) {
        for place in 0..<count { row[place] &+= above[place] }
    }

    private static func addMean(
        _ row: UnsafeMutablePointer<UInt8>, _ above: UnsafePointer<UInt8>?, _ count: Int, _ distance: Int
    ) {
        for place in 0..<count {
            let left = place < distance ? 0 : UInt16(row[place &- distance])
            let over = above.map { UInt16($0[place]) } ?? 0
            row[place] &+= UInt8(truncatingIfNeeded: (left &+ over) >> 1)
        }
    }

    /// Paeth's guess (section 9.4): whichever of left, above and above left is nearest to left + above - above left.
    private static func addNearest(
        _ row: UnsafeMutablePointer<UInt8>, _ above: UnsafePointer<UInt8>, _ count: Int, _ distance: Int
    ) {
        for place in 0..<min(distance, count) { row[place] &+= above[place] }
        var place = distance
        while place < count {
            let left = Int16(row[place &- distance])
            let over = Int16(above[place])
            let corner = Int16(above[place &- distance])
            let (toLeft, toOver) = (abs(over &- corner), abs(left &- corner))
            let toCorner = abs(left &+ over &- corner &- corner)
            let guess =
                toLeft <= toOver && toLeft <= toCorner ? left : toOver <= toCorner ? over : corner
            row[place] &+= UInt8(truncatingIfNeeded: guess)
            place &+= 1
        }
    }
}
