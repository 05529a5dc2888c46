/// One range of a representation, as `Range: bytes=…` asks for it.
package enum ByteRange: Sendable, Equatable {
    /// No `Range`, another unit, several ranges or a malformed one: the whole is sent (RFC 9110, 14.2).
    case whole
    /// This part.
    case part(Range<Int>)
    /// Outside the representation: 416.
    case unsatisfiable

    /// Reads the value of `Range` against a representation of `count` bytes.
    package init(_ value: String?, of count: Int) {
        guard let value, value.hasPrefix("bytes="), count > 0 else {
            self = .whole
            return
        }
        let parts = value.utf8.dropFirst(6).split(
            separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            self = .whole
            return
        }
        let first = HTTPCharacters.decimal(Array(parts[0]))
        let last = HTTPCharacters.decimal(Array(parts[1]))
        switch (first, last) {
        case (let first?, let last?) where last >= first:
            self = first < count ? .part(first..<min(last + 1, count)) : .unsatisfiable
        case (let first?, nil) where parts[1].isEmpty:
            self = first < count ? .part(first..<count) : .unsatisfiable
        case (nil, let suffix?) where parts[0].isEmpty:
            self = suffix > 0 ? .part(max(0, count - suffix)..<count) : .unsatisfiable
        default: self = .whole
        }
    }
}
