import Testing

/// Asks the programs which keys and names they read: they refuse a strange one by naming those that they know.
enum KeyProbe {
    static let server = Scenarios.folder + "/deployment/server.json5"
    static let service = Scenarios.folder + "/deployment/service.json5"
    static let submission = Scenarios.folder + "/deployment/submission.json5"
    static let agent = Scenarios.folder + "/deployment/agent.json5"
    /// A key that no reader knows and that is near to none.
    private static let stranger = String(repeating: "z", count: 24)

    /// What `check` says of a file with some overrides, one of which it cannot take.
    static func refusal(_ file: String, _ overrides: [String]) throws -> String {
        let arguments = ["check", file] + overrides.flatMap { ["--set", $0] }
        let run = file == agent ? try Sordino.startAgent(arguments).wait() : try Sordino.run(arguments)
        #expect(run.status == 3, "\(overrides): \(run.errors)")
        return run.errors
    }

    /// The keys that are known at a path of a file, after some overrides.
    static func known(_ file: String, at path: String, _ overrides: [String] = []) throws -> Set<String> {
        let place = (path.isEmpty ? "" : path + ".") + stranger
        let refusal = try refusal(file, overrides + ["\(place)=1"])
        let list = try #require(
            refusal.firstMatch(of: /unknown key; known keys are ([^\n]+)/), "\(path): \(refusal)")
        #expect(refusal.replacing("[0]", with: ".0").contains(place + ": "), "\(refusal)")
        return Set(list.1.split(separator: ", ").map(String.init))
    }
}
