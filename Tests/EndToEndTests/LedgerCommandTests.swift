import Testing

/// `sordino ledger`: any tampering is found and named by its line.
@Suite(.tags(.endToEnd)) struct LedgerCommandTests {
    /// What someone may do to a ledger, and the line at which it shows first.
    enum Tampering: String, CaseIterable {
        case edited, dropped, swapped, inserted, repeated, firstDropped

        /// The lines as tampered with, and the number of the first line that must be named.
        func apply(_ lines: [String]) -> (lines: [String], finding: Int) {
            var lines = lines
            switch self {
            case .edited:
                // Line 6 settles the second round: more survivors than there were.
                lines[5] = lines[5].replacing("\"survivors\":60", with: "\"survivors\":61")
                return (lines, 6)
            case .dropped:
                lines.remove(at: 7)
                return (lines, 8)
            case .swapped:
                lines.swapAt(8, 9)
                return (lines, 9)
            case .inserted:
                lines.insert(lines[3].replacing("\"round\":1", with: "\"round\":7"), at: 4)
                return (lines, 5)
            case .repeated:
                lines.insert(lines[2], at: 3)
                return (lines, 4)
            case .firstDropped:
                lines.removeFirst()
                return (lines, 1)
            }
        }
    }

    private static func federation() throws -> (Federation, lines: [String]) {
        let federation = try Federation(Scenarios.digits(rounds: 5))
        #expect(try federation.run(into: "out").status == 0)
        let lines = try federation.workspace.text("out/ledger.jsonl").split(separator: "\n").map(String.init)
        return (federation, lines)
    }

    @Test(arguments: Tampering.allCases) func tamperingIsNamedByItsLine(_ tampering: Tampering) throws {
        let (federation, lines) = try Self.federation()
        #expect(lines.count == 1 + 3 * 5)
        let (tampered, number) = tampering.apply(lines)
        try #require(tampered != lines)
        let text = tampered.map { $0 + "\n" }.joined()
        let file = try federation.workspace.write("tampered.jsonl", text)
        let verdict = try Sordino.run("ledger", "verify", file, "--format", "json")
        #expect(verdict.status == 6)
        #expect(try verdict.json["sound"]?.bool == false)
        #expect(try verdict.json["findings"]?.items?.first?["line"]?.integer == number)
        let spoken = try Sordino.run("ledger", "verify", file)
        #expect(spoken.status == 6)
        #expect(spoken.output.split(separator: "\n").first?.contains("line \(number): ") == true)
        // Nothing is read out of a ledger that cannot be trusted.
        let shown = try Sordino.run("ledger", "show", file)
        #expect(shown.status == 6 && shown.output.isEmpty && shown.complaints.count == 1)
    }

    /// A ledger that lost its last lines is sound by itself; a head that was kept elsewhere finds it.
    @Test func aKeptHeadFindsACutLedger() throws {
        let (federation, lines) = try Self.federation()
        let whole = try Sordino.run("ledger", "verify", federation.workspace.file("out"), "--format", "json")
        let head = try #require(try whole.json["head"]?.string)
        let cut = try federation.workspace.write(
            "cut.jsonl", lines.dropLast(3).map { $0 + "\n" }.joined())
        let former = try Sordino.run("ledger", "verify", cut, "--format", "json")
        #expect(former.status == 0)
        let earlier = try #require(try former.json["head"]?.string)
        let found = try Sordino.run("ledger", "verify", cut, "--head", head, "--format", "json")
        #expect(try found.status == 6 && found.json["sound"]?.bool == false)
        #expect(try found.json["anchor"]?.string?.contains(head) == true)
        #expect(try Sordino.run("ledger", "verify", cut, "--head", head).output.contains("has gone back"))
        for good in [head, earlier, head.uppercased()] {
            #expect(
                try Sordino.run("ledger", "verify", federation.workspace.file("out"), "--head", good).status
                    == 0)
        }
        #expect(try Sordino.run("ledger", "verify", cut, "--head", "abc").status == 2)
    }

    /// What a ledger's events cost, recomputed from the file alone, is what the run says of itself.
    @Test(arguments: [
        (Scenarios.central, ["epsilon"]), (Scenarios.tree, ["epsilon"]),
        (Scenarios.matrix, ["epsilon"]),
        (Scenarios.distributed, ["epsilon", "epsilon_server"]), (Scenarios.example, ["epsilon_example"]),
    ])
    func aLedgerAndItsRunSayTheSame(privacy: String, keys: [String]) throws {
        let federation = try Federation(Scenarios.digits(rounds: 7, privacy: privacy, clients: 200))
        #expect(try federation.run(into: "out").status == 0)
        let summary = try federation.summary("out")
        let folder = federation.workspace.file("out")
        let shown = try Sordino.run("ledger", "show", folder, "--format", "json")
        #expect(shown.status == 0)
        for key in keys {
            let (said, recomputed) = (summary[key]?.number, try shown.json[key]?.number)
            let expected = try #require(said)
            #expect(abs((recomputed ?? 0) / expected - 1) < 1e-6, "\(key)")
        }
    }

    @Test func aTornLastLineIsSaidAndHarmless() throws {
        let (federation, lines) = try Self.federation()
        let text = lines.map { $0 + "\n" }.joined()
        let file = try federation.workspace.write("torn.jsonl", String(text.dropLast(40)))
        let verdict = try Sordino.run("ledger", "verify", file, "--format", "json")
        #expect(verdict.status == 0)
        #expect(try verdict.json["lines"]?.integer == lines.count - 1)
        #expect(try #require(verdict.json["torn_bytes"]?.integer) > 0)
    }

    @Test func anotherSignerIsFound() throws {
        let (federation, _) = try Self.federation()
        let folder = federation.workspace.file("out")
        let key = try #require(
            try Sordino.run("ledger", "verify", folder, "--format", "json").json["public_key"]?.string)
        #expect(try Sordino.run("ledger", "verify", folder, "--public-key", key).status == 0)
        let other = String(key.reversed())
        let verdict = try Sordino.run("ledger", "verify", folder, "--public-key", other, "--format", "json")
        #expect(verdict.status == 6)
        #expect(try verdict.json["findings"]?.items?.first?["line"]?.integer == 1)
    }

    @Test(arguments: ["", "\n", "hello\n", "{}\n", "{\"kind\":\"open\"}\n"])
    func whatIsNoLedgerDoesNotVerify(text: String) throws {
        let workspace = try Workspace()
        let verdict = try Sordino.run("ledger", "verify", workspace.write("ledger.jsonl", text))
        #expect(verdict.status == 6)
    }

    @Test(arguments: [Scenarios.central, Scenarios.poisson])
    func anybodyCanRecomputeEpsilonFromTheLedger(privacy: String) throws {
        let federation = try Federation(Scenarios.digits(rounds: 30, privacy: privacy))
        #expect(try federation.run(into: "out").status == 0)
        let folder = federation.workspace.file("out")
        let events = try Sordino.run("ledger", "show", folder, "--events")
        #expect(events.status == 0)
        let file = try federation.workspace.write("events.json", events.output)
        let recomputed = try Sordino.run("privacy", "epsilon", "--events", file, "--delta", "1e-5").json
        let summary = try federation.summary("out")
        let epsilon = try #require(summary["epsilon"]?.number)
        #expect(abs(try #require(recomputed["epsilon"]?.number) - epsilon) <= 1e-6 * epsilon)
        #expect(recomputed["adjacency"] == summary["adjacency"])
        let shown = try Sordino.run("ledger", "show", folder, "--format", "json").json
        #expect(abs(try #require(shown["epsilon"]?.number) - epsilon) <= 1e-6 * epsilon)
        #expect(shown["epsilon_server"] == .null)
        // Against the server there is no noise at all.
        let server = try Sordino.run("ledger", "show", folder, "--events", "--server")
        let serverFile = try federation.workspace.write("server.json", server.output)
        let unbounded = try Sordino.run("privacy", "epsilon", "--events", serverFile, "--delta", "1e-5").json
        #expect(unbounded["epsilon"]?.string == "inf")
    }
}
