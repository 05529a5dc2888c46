/// The commands of the built programs with their options, as `--help` has them.
enum CommandCatalog {
    /// One command.
    struct Entry: Sendable {
        /// The program and the words after it.
        let words: [String]
        /// Its options, dashes included; all commands have `--help` and `--format`, which are left out.
        let options: Set<String>

        var name: String { words.joined(separator: " ") }
    }

    /// Options of every command.
    static let common: Set<String> = ["--help", "--format"]

    /// All commands of `sordino` and `sordino-agent`.
    static let entries: [Entry] = (try? read()) ?? []

    /// The command that a line of words names, with the number of words that name it.
    static func command(_ words: some Collection<String>) -> Entry? {
        entries.filter { words.starts(with: $0.words) }.max { $0.words.count < $1.words.count }
    }

    private static func read() throws -> [Entry] {
        var entries: [Entry] = []
        for program in ["sordino", "sordino-agent"] {
            for line in try help(program, []).split(separator: "\n") {
                guard let match = line.prefixMatch(of: /[ ]{2}([a-z\-]+(?: [a-z\-]+)*)  +\S/) else {
                    continue
                }
                let words = match.1.split(separator: " ").map(String.init)
                let options = try help(program, words).split(separator: "\n").compactMap {
                    $0.prefixMatch(of: /[ ]{2}(?:-h, )?(--[a-z0-9\-]+)/).map { String($0.1) }
                }
                entries.append(Entry(words: [program] + words, options: Set(options).subtracting(common)))
            }
        }
        return entries
    }

    private static func help(_ program: String, _ words: [String]) throws -> String {
        let arguments = words + ["--help"]
        return try program == "sordino"
            ? Sordino.run(arguments).output : Sordino.startAgent(arguments).wait().output
    }
}
