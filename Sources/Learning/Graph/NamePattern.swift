/// Names with `*` for any run of characters, such as `"h.*.attn.c_attn"`.
struct NamePattern: Sendable, Equatable {
    let text: String

    /// Whether `name` as a whole fits the pattern. Takes time of both lengths' product at most.
    func matches(_ name: String) -> Bool {
        let (pattern, name) = (Array(text.utf8), Array(name.utf8))
        let star = UInt8(ascii: "*")
        var (place, read) = (0, 0)
        var (lastStar, resume): (Int?, Int) = (nil, 0)
        while read < name.count {
            if place < pattern.count, pattern[place] == star {
                (lastStar, resume) = (place, read)
                place += 1
            } else if place < pattern.count, pattern[place] == name[read] {
                place += 1
                read += 1
            } else if let star = lastStar {
                // The star takes one character more.
                resume += 1
                (place, read) = (star + 1, resume)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == star }
    }
}
