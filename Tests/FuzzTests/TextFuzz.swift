// Fuzzes the readers of vocabularies and of text. Run by FuzzDriverTests, and with libFuzzer by Tests/Fuzz/run.

import Compute
import Configuration
import Glibc

@testable import Datasets

private let folder = "/dev/shm/sordino-fuzz-\(getpid())-text"

/// Ways to read text; the first byte of the input chooses, from "0" on. Behind them come a vocabulary of word pieces, a
/// vocabulary of byte pairs, and text in the tokens of a sound one.
private let sections: [String] = [
    "{ tokenizer: { kind: 'byte' }, length: 4 }",
    "{ tokenizer: { kind: 'character' }, length: 3, stride: 2, split: { test: 0.3, validation: 0.2 } }",
    "{ tokenizer: { kind: 'character' }, length: 5, group: { pattern: '*:' }, split: { test: 0.3, by: 'group' } }",
    "{ tokenizer: { kind: 'character' }, length: 5, group: { pattern: '[*] *', at: 'line' } }",
    "{ tokenizer: { kind: 'character' }, length: 4, encoding: 'utf-16' }",
    "{ tokenizer: { kind: 'character' }, length: 4, column: 0, group: 1, on_bad_row: 'skip' }",
    "{ tokenizer: { kind: 'byte' }, length: 1, column: 0, label: 1, on_bad_row: 'skip' }",
]
private let sources: [DataSource] = {
    mkdir(folder, 0o700)
    return sections.map { text in
        guard case .object(var members)? = try? JSONValue(json5: text.utf8, source: "fuzz") else {
            fatalError(text)
        }
        (members["format"], members["path"]) = (.string("text"), .string("\(folder)/text"))
        guard let source = try? DataSource(.object(members), path: "data", folder: "/") else {
            fatalError(text)
        }
        return source
    }
}()

private func write(_ bytes: some Sequence<UInt8>, _ name: String) {
    let bytes = Array(bytes)
    let descriptor = open("\(folder)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    precondition(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    close(descriptor)
}

private func tokenizer(_ text: String) -> (any Tokenizer)? {
    guard let section = try? Section(JSONValue(json5: text.utf8, source: "fuzz"), path: "tokenizer"),
        let options = try? TokenizerOptions(section)
    else { fatalError(text) }
    return try? TokenizerCatalog.tokenizer(options, folder: folder)
}

private func checkDataset(_ source: DataSource) {
    guard let dataset = try? source.load(seed: 1) else { return }
    let train = dataset.train
    precondition(dataset.trainGroups.isEmpty || dataset.trainGroups.count == train.count)
    precondition(train.count > 0 && dataset.trainGroups.allSatisfy { dataset.groupNames.indices ~= Int($0) })
    guard let schema = try? Preprocessing(dataset.preprocessing.json),
        let again = try? source.load(seed: 1, preprocessing: schema)
    else { preconditionFailure("a schema of ours is refused") }
    guard case .tokens(let first, _) = train.features, case .tokens(let second, _) = again.train.features
    else { preconditionFailure("text is made of tokens") }
    precondition(first == second, "a schema means other tokens")
}

/// Tokens lie in the vocabulary, and are the same with and without a cache.
private func check(_ tokenizer: any Tokenizer, _ text: UnsafeRawBufferPointer) {
    var (tokens, cache) = ([Int32](), WordCache())
    text.withMemoryRebound(to: UInt8.self) { bytes in
        tokenizer.append(bytes, to: &tokens, cache: &cache)
        let before = tokens
        tokens = []
        tokenizer.append(bytes, to: &tokens, cache: &cache)
        precondition(tokens == before, "a cache changes the tokens")
    }
    precondition(tokens.allSatisfy { $0 >= 0 && Int($0) < tokenizer.vocabularySize })
    let back = tokenizer.decode(tokens)
    if type(of: tokenizer).kind == "bpe", let sound = String(validating: text, as: UTF8.self) {
        precondition(Array(back.utf8) == Array(sound.utf8), "byte pairs lose text")
    }
}

/// A vocabulary of the bytes and a few merges.
private let bytePairs: (any Tokenizer)? = {
    let latin = (33...126).map { $0 } + (161...172).map { $0 } + (174...255).map { $0 }
    let others = (256..<324).map { $0 }
    let characters = (latin + others).compactMap { Unicode.Scalar(UInt32($0)) }.map { String($0) }
    let tokens = characters + ["th", "the", "\u{120}the", "aa", "aaaa", "<|endoftext|>"]
    let members = tokens.enumerated().map { "\(JSONValue.string($1).text()): \($0)" }
    write(("{" + members.joined(separator: ",") + "}").utf8, "v.json")
    write("t h\nth e\na a\naa aa\n\u{120} the\n".utf8, "m.txt")
    return tokenizer("{ kind: 'bpe', vocabulary: 'v.json', merges: 'm.txt' }")
}()

enum TextFuzz {
    /// A vocabulary that is read gives tokens of its own only, and text that is read means the same by its schema.
    static func run(_ input: UnsafeRawBufferPointer) {
        guard let kind = input.first.map({ Int($0 &- 48) }) else { return }
        let rest = UnsafeRawBufferPointer(rebasing: input.dropFirst())
        _ = sources
        switch kind % (sections.count + 3) {
        case sections.count:
            // A vocabulary, and the text behind its last line.
            write("[PAD]\n[UNK]\n[CLS]\n[SEP]\n".utf8 + Array(rest), "vocab.txt")
            if let tokenizer = tokenizer("{ kind: 'wordpiece', vocabulary: 'vocab.txt' }") {
                check(tokenizer, rest)
            }
        case sections.count + 1:
            // An object of tokens, and merges behind its end.
            let end = (rest.lastIndex(of: UInt8(ascii: "}")) ?? rest.count - 1) + 1
            write(rest.prefix(end), "vocab.json")
            write(rest.dropFirst(end), "merges.txt")
            if let tokenizer = tokenizer("{ kind: 'bpe', vocabulary: 'vocab.json', merges: 'merges.txt' }") {
                check(tokenizer, rest)
            }
        case sections.count + 2:
            guard let bytePairs else { preconditionFailure("a sound vocabulary is refused") }
            check(bytePairs, rest)
        case let number:
            write(rest, "text")
            checkDataset(sources[number])
        }
    }
}
