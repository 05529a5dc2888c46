/// What a line chart is drawn over.
package enum Abscissa {
    /// Rounds, from the first to the last of the run: the same for all charts, so that they can be read one above the
    /// other.
    case rounds(ClosedRange<Int>)
    /// Bytes sent so far, from none to so many.
    case bytes(Int)
    /// Time so far, from none to so many milliseconds.
    case time(Int)

    /// The horizontal axis.
    var axis: Axis {
        switch self {
        case .rounds(let range): Axis(rounds: range)
        case .bytes(let total): Axis(bytes: total)
        case .time(let total): Axis(milliseconds: total)
        }
    }

    /// Title of the axis, with its unit.
    var title: String {
        switch self {
        case .rounds: "round"
        case .bytes(let total): "sent so far, \(Readable.byteUnit(total).name)"
        case .time(let total): "time so far, \(Readable.timeUnit(total).name)"
        }
    }

    /// What the chart runs over, for a sentence.
    var name: String {
        switch self {
        case .rounds: "rounds"
        case .bytes: "bytes sent"
        case .time: "time"
        }
    }

    /// Name of the column in a table of the data.
    var column: String {
        switch self {
        case .rounds: "round"
        case .bytes: "bytes"
        case .time: "milliseconds"
        }
    }

    /// The place of a time in seconds on an axis of time; times that no clock shows are at its end.
    package static func milliseconds(_ seconds: Double) -> Int {
        guard seconds.isFinite, seconds >= 0 else { return 0 }
        return Int(min(seconds * 1000, 1e15).rounded())
    }

    /// One place, or a stretch of them, in words: "round 3", "rounds 3 to 7", "1.24 MB".
    func words(_ places: ClosedRange<Int>) -> String {
        let (first, last) = (places.lowerBound, places.upperBound)
        switch self {
        case .rounds where first == last: return "round \(Readable.count(first))"
        case .rounds: return "rounds \(Readable.count(first)) to \(Readable.count(last))"
        case .bytes where first == last: return Readable.bytes(first)
        case .bytes: return "\(Readable.bytes(first)) to \(Readable.bytes(last))"
        case .time where first == last: return Readable.duration(Double(first) / 1000)
        case .time:
            return
                "\(Readable.duration(Double(first) / 1000)) to \(Readable.duration(Double(last) / 1000))"
        }
    }
}
