internal import Configuration

/// How a speaker's name stands in a script: `"*:"` is a line of its own, `"*: *"` the start of a line of speech.
///
/// The first `*` stands for the name, which is not empty and holds nothing of what stands behind it; a second one, at
/// the end, for speech on the same line.
struct SpeechPattern: Equatable, Sendable {
    /// Where a name may stand.
    enum Place: String, CaseIterable, Sendable {
        /// In the first line of a paragraph: verse ends in a colon too.
        case paragraph
        case line
    }

    private let before: [UInt8]
    private let behind: [UInt8]
    private let hasSpeechOnItsLine: Bool
    private let place: Place

    /// Reads `pattern` and `at` strictly. Throws ``ConfigurationError``.
    init(_ section: Section) throws {
        guard let pattern = try section.string("pattern") else {
            throw section.error(
                "pattern", "is missing: how a speaker's name stands in the text, such as \"*:\"")
        }
        place = try section.choice("at", of: Place.self) ?? .paragraph
        try section.finish()
        let parts = pattern.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
            .map(Array.init)
        let hasSpeech = parts.count == 3 && parts[2].isEmpty
        guard parts.count == 2 || hasSpeech, !parts[1].isEmpty, !pattern.utf8.contains(10) else {
            throw section.error(
                "pattern",
                "must have one * for the name with text behind it, such as \"*:\", or \"*: *\" where "
                    + "the speech stands on the same line")
        }
        (before, behind, hasSpeechOnItsLine) = (parts[0], parts[1], hasSpeech)
    }

    /// The speaker that a line names and where its speech begins, or nil. `range` is the line without its end.
    private func match(
        _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
    ) -> (name: Range<Int>, speech: Int)? {
        var end = range.upperBound
        if !hasSpeechOnItsLine {
            while end > range.lowerBound, text[end - 1] == 0x20 || text[end - 1] == 9 || text[end - 1] == 13 {
                end -= 1
            }
        }
        let line = text[range.lowerBound..<end]
        guard line.starts(with: before) else { return nil }
        let start = range.lowerBound + before.count
        var place = start
        while place + behind.count <= end {
            if text[place] == behind[0], text[place..<place + behind.count].elementsEqual(behind) {
                let stop = place + behind.count
                guard place > start, hasSpeechOnItsLine || stop == end else { return nil }
                return (start..<place, hasSpeechOnItsLine ? stop : range.upperBound)
            }
            place += 1
        }
        return nil
    }

    /// Calls `body` for each speech with the speaker's name and the bytes of what is said, without the empty lines
    /// around it. Returns how many bytes stand before the first name.
    func speeches(
        in text: UnsafeBufferPointer<UInt8>, _ body: (_ name: String, _ speech: Range<Int>) -> Void
    ) -> Int {
        var (speaker, start): (String?, Int) = (nil, 0)
        var (lineStart, follows) = (0, true)
        var unclaimed = 0
        func close(at end: Int) {
            var (start, end) = (start, end)
            while end > start, text[end - 1] == 10 || text[end - 1] == 13 { end -= 1 }
            while start < end, text[start] == 10 || text[start] == 13 { start += 1 }
            if let speaker { body(speaker, start..<end) } else { unclaimed = end }
        }
        while lineStart < text.count {
            var lineEnd = lineStart
            while lineEnd < text.count, text[lineEnd] != 10 { lineEnd += 1 }
            if follows || place == .line, let found = match(text, lineStart..<lineEnd) {
                close(at: lineStart)
                speaker = String(decoding: text[found.name], as: UTF8.self)
                // Behind the line of a name alone the speech begins with the next line.
                start = hasSpeechOnItsLine ? found.speech : min(text.count, lineEnd + 1)
            }
            follows = text[lineStart..<lineEnd].allSatisfy { $0 == 0x20 || $0 == 9 || $0 == 13 }
            lineStart = lineEnd + 1
        }
        close(at: text.count)
        return unclaimed
    }
}
