/// The tokens of words that came before: text repeats its words, and most of the work of a tokeniser is theirs.
///
/// An open-addressed table from bytes to tokens. It is bounded, whatever the text holds, and forgets everything when
/// it is full.
package struct WordCache {
    private struct Entry {
        var hash: UInt64 = 0
        var wordStart: Int32 = 0
        /// Bytes of the word; 0 where the place is free.
        var wordCount: Int32 = 0
        var tokenStart: Int32 = 0
        var tokenCount: Int32 = 0
    }

    /// Longest word that is kept: longer ones hardly come again.
    static let longestWord = 64

    private static let places = 1 << 16
    private static let mostWords = places / 2

    private var entries = [Entry](repeating: Entry(), count: Self.places)
    private var words: [UInt8] = []
    private var tokens: [Int32] = []
    private var count = 0

    package init() {}

    /// Appends the word's tokens and returns true where the word is known.
    func append(_ word: UnsafeBufferPointer<UInt8>, to result: inout [Int32]) -> Bool {
        guard !word.isEmpty, word.count <= Self.longestWord else { return false }
        let entry = entries[place(of: word, hash: ByteHash.of(word))]
        guard entry.wordCount > 0 else { return false }
        for index in Int(entry.tokenStart)..<Int(entry.tokenStart + entry.tokenCount) {
            result.append(tokens[index])
        }
        return true
    }

    /// Remembers the tokens of a word that is not known yet.
    mutating func remember(_ word: UnsafeBufferPointer<UInt8>, _ found: ArraySlice<Int32>) {
        guard !word.isEmpty, word.count <= Self.longestWord else { return }
        if count == Self.mostWords { self = WordCache() }
        let hash = ByteHash.of(word)
        entries[place(of: word, hash: hash)] = Entry(
            hash: hash, wordStart: Int32(words.count), wordCount: Int32(word.count),
            tokenStart: Int32(tokens.count), tokenCount: Int32(found.count))
        words.append(contentsOf: word)
        tokens.append(contentsOf: found)
        count += 1
    }

    /// Where the word is, or the free place where it belongs. Half of the places are free, so that there is one.
    private func place(of word: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Int {
        var place = Int(truncatingIfNeeded: hash >> 40) & (Self.places - 1)
        while true {
            let entry = entries[place]
            if entry.wordCount == 0 || (entry.hash == hash && holds(entry, word)) { return place }
            place = (place + 1) & (Self.places - 1)
        }
    }

    private func holds(_ entry: Entry, _ word: UnsafeBufferPointer<UInt8>) -> Bool {
        guard Int(entry.wordCount) == word.count else { return false }
        return words.withUnsafeBufferPointer { words in
            for index in word.indices where words[Int(entry.wordStart) + index] != word[index] {
                return false
            }
            return true
        }
    }
}
