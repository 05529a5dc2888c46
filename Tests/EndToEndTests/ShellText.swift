/// The commands of a piece of shell, well enough for what a manual shows: quotes, comments, continued lines, pipes,
/// substitutions. Here-documents are passed over.
struct ShellText {
    /// Each command as its words, quotes taken off.
    private(set) var commands: [[String]] = []
    private var words: [String] = []
    private var word: String?

    init(_ text: String) {
        var rest = Substring(text.replacing("\\\n", with: " "))
        while let letter = rest.popFirst() {
            switch letter {
            case "'", "\"":
                let quoted = rest.prefix { $0 != letter }
                word = (word ?? "") + quoted
                rest = rest.dropFirst(quoted.count + 1)
            case "#" where word == nil:
                rest = rest.drop { $0 != "\n" }
            case "<" where rest.hasPrefix("<"):
                endCommand()
                let line = rest.prefix { $0 != "\n" }
                let end = "\n\(line.drop { !$0.isLetter }.prefix(while: \.isLetter))\n"
                rest = rest.firstRange(of: end).map { rest[$0.upperBound...] } ?? ""
            case " ": endWord()
            case "|", ";", "&", "(", ")", "<", ">", "\n": endCommand()
            default: word = (word ?? "") + String(letter)
            }
        }
        endCommand()
    }

    private mutating func endWord() {
        if let word { words.append(word) }
        word = nil
    }

    private mutating func endCommand() {
        endWord()
        while let first = words.first, ["do", "then", "else", "exec", "!", "{"].contains(first) {
            words.removeFirst()
        }
        if !words.isEmpty { commands.append(words) }
        words = []
    }
}
