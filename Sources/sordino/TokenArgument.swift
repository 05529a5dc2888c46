internal import AggregationServer
internal import Configuration
internal import Foundation
internal import HTTPWire
internal import Operations

/// What the commands about tokens share: they work on a server's file, or ask a running server.
struct TokenArgument {
    /// The name and, where the file is changed here, the file.
    static let named = OptionGrammar.Positional(
        "FILE NAME", "The server's file of hashes and the token's name; with --server the name alone.",
        count: .any)

    /// The file; nil where a server is asked.
    let file: AdminTokenFile?
    /// The token's name; empty where none is needed.
    let name: String

    /// Reads the operands of a command that `needsName`. Throws a usage `Failure`.
    init(_ options: Options, needsName: Bool) throws {
        let words = options.operands
        let isRemote = options.string("server") != nil
        let expected = (isRemote ? 0 : 1) + (needsName ? 1 : 0)
        guard words.count == expected else {
            let what = [isRemote ? nil : "FILE", needsName ? "NAME" : nil].compactMap(\.self)
            throw options.usage(
                what.isEmpty
                    ? "with --server no file is named"
                    : "needs \(what.joined(separator: " "))"
                        + (isRemote ? " alone with --server" : ", or --server"))
        }
        file = isRemote ? nil : words.first.map { AdminTokenFile($0) }
        name = needsName ? words[expected - 1] : ""
    }

    /// The role of `--role`.
    static func role(_ options: Options) throws -> AdminRole {
        _ = try options.required("role")
        let role = try options.choice("role", among: AdminRole.allCases.map(\.rawValue))
        guard let role = role.flatMap(AdminRole.init(rawValue:)) else {
            throw options.usage("--role is missing")
        }
        return role
    }

    /// The moment that `--expires` means, a span from now; nil where it is absent.
    static func expiry(_ options: Options) throws -> Date? {
        guard let text = options.string("expires") else { return nil }
        let section = try Section(.object(["expires": .string(text)]), path: "")
        guard let seconds = try? section.seconds("expires"), seconds >= 1, seconds <= 36_500 * 86_400 else {
            throw options.usage("--expires must be a time such as \"12h\" or \"90d\", not \"\(text)\"")
        }
        return Date().addingTimeInterval(seconds)
    }

    /// Prints what was made or done: `members` as JSON, or `text`.
    static func write(_ members: [String: JSONValue], _ text: String, _ options: Options) {
        CertsArgument.write(members, text, options)
    }

    /// Asks the server to do this to the token, and returns its answer's members.
    func ask(_ word: String, _ options: Options) throws -> [String: JSONValue] {
        guard !name.isEmpty, !name.contains("/") else {
            throw options.usage("\"\(name)\" is no token's name")
        }
        let answer = try AdminRequest.answer((.post, "tokens/\(name)/\(word)", ""), options)
        guard case .object(let members) = answer else {
            throw Failure(.network, "the server's answer is not what this version understands")
        }
        return members
    }
}
