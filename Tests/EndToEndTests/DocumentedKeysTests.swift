import Foundation
import Testing

/// Every key that a configuration may have stands in the table of its section, once, and every documented key is one that
/// the programs read. The readers are asked for what they know: they refuse an unknown key by naming the known ones.
@Suite("Documented keys", .tags(.endToEnd)) struct DocumentedKeysTests {
    /// The same with the keys of inner sections in place of those sections, as tables write them: `tls.key`.
    private func known(
        _ file: String, at path: String, inner: [String: [String]], _ overrides: [String] = []
    ) throws -> Set<String> {
        var keys = try KeyProbe.known(file, at: path, overrides)
        for (name, more) in inner {
            let container = keys.remove(name)
            #expect(container != nil, "\(path) has no \(name)")
            let deeper = (path.isEmpty ? "" : path + ".") + name
            keys.formUnion(try KeyProbe.known(file, at: deeper, overrides + more).map { "\(name).\($0)" })
        }
        return keys
    }

    /// The rows of the tables below a heading whose first column has this title.
    private func rows(_ page: String, _ heading: String, _ title: String = "key") throws -> [[String]] {
        let section = try #require(try ManualPage(page).section(heading), "\(page): no \(heading)")
        let rows = section.tables.filter { $0.header.first == title }.flatMap(\.rows)
        #expect(!rows.isEmpty, "\(page): \(heading)")
        return rows
    }

    private func expect(_ rows: [[String]], tell keys: Set<String>, _ place: String) {
        let documented = rows.flatMap { $0[0].codeWords }
        #expect(documented.count == Set(documented).count, "\(place): a key stands in two rows")
        let (missing, invented) = (
            keys.subtracting(documented).sorted(), Set(documented).subtracting(keys).sorted()
        )
        #expect(missing.isEmpty && invented.isEmpty, "\(place) lacks \(missing), invents \(invented)")
    }

    private static let taskPage = "Sources/Federation/README.md"

    @Test func task() throws {
        let keys = try known(
            Scenarios.quickstart, at: "task",
            inner: ["evaluation": ["task.evaluation.holdout=federated"]])
        expect(try rows(Self.taskPage, "`task`"), tell: keys, "task")
    }

    @Test func privacy() throws {
        let keys = try known(
            Scenarios.quickstart, at: "task.privacy",
            inner: [
                "example": ["task.privacy.example={clipping_norm:1,noise_multiplier:1}"],
                "adaptive_clipping": [],
                "matrix": ["task.privacy.mechanism=matrix"],
            ])
        expect(try rows(Self.taskPage, "`task.privacy`"), tell: keys, "task.privacy")
    }

    @Test func statistics() throws {
        let keys = try KeyProbe.known(Scenarios.folder + "/statistics.json5", at: "task.statistics")
        expect(try rows(Self.taskPage, "`task.statistics`"), tell: keys, "task.statistics")
    }

    @Test func asynchronous() throws {
        let keys = try known(
            Scenarios.quickstart, at: "task.asynchronous", inner: ["staleness": []],
            ["task.asynchronous={buffer: 5, concurrency: 9}"])
        expect(try rows(Self.taskPage, "`task.asynchronous`"), tell: keys, "task.asynchronous")
    }

    @Test func secureAggregation() throws {
        let keys = try KeyProbe.known(Scenarios.quickstart, at: "task.secure_aggregation")
        expect(try rows(Self.taskPage, "`task.secure_aggregation`"), tell: keys, "task.secure_aggregation")
    }

    /// A row that names optimisers in its last cell belongs to those, any other to all.
    @Test func training() throws {
        let all = try rows(Self.taskPage, "`task.training`")
        let optimizers = try #require(all.first { $0[0] == "`optimizer`" })[2].codeWords
        #expect(optimizers.count >= 7)
        let schedules = try #require(all.first { $0[0] == "`schedule.name`" })[2].codeWords
            .filter { !$0.contains(" ") }
        var scheduled: Set<String> = []
        for schedule in schedules {
            scheduled.formUnion(
                try KeyProbe.known(
                    Scenarios.quickstart, at: "task.training.schedule",
                    ["task.training.schedule.name=\(schedule)"]))
        }
        let augment = try KeyProbe.known(
            Scenarios.quickstart, at: "task.training.augment", ["task.training.augment={flip:true}"])
        for optimizer in optimizers {
            let rows = all.filter { row in
                let named = row[0] == "`optimizer`" ? [] : row[2].codeWords.filter(optimizers.contains)
                return named.isEmpty || named.contains(optimizer)
            }
            var keys = try KeyProbe.known(
                Scenarios.quickstart, at: "task.training",
                ["task.training.optimizer=\(optimizer)", "task.training.loss=huber"])
            #expect(keys.remove("schedule") != nil)
            keys.formUnion(scheduled.map { "schedule.\($0)" })
            #expect(keys.remove("augment") != nil)
            keys.formUnion(augment.map { "augment.\($0)" })
            expect(rows, tell: keys, "task.training with \(optimizer)")
        }
    }

    /// Rows of parts with a name: the keys stand in the second cell, their values in parentheses behind them.
    @Test(arguments: [
        (taskPage, "`task.strategy`", "`name`", "task.strategy", ["name"]),
        (taskPage, "`task.robust`", "`rule`", "task.robust", ["rule", "hostile", "bucketing", "mixing"]),
        (taskPage, "`task.compression`", "`name`", "task.compression", ["name", "download"]),
        (
            "Sources/Simulation/README.md", "`simulation.attack`", "`name`", "simulation.attack",
            ["name", "share"]
        ),
        (
            taskPage, "`task.model`", "`preset`", "task.model",
            ["preset", "layers", "from", "freeze", "local", "adapters", "frozen"]
        ),
        (
            "Sources/Simulation/README.md", "`simulation.partition`", "`scheme`", "simulation.partition",
            ["scheme"]
        ),
    ])
    func namedParts(
        _ page: String, _ heading: String, _ title: String, _ path: String, _ common: [String]
    ) throws {
        for row in try rows(page, heading, title) {
            for name in row[0].codeWords {
                let needed = Self.requiredBeside[name].map { ", \($0)" } ?? ""
                let whole = "\(path)={\(title.codeWords[0]): \"\(name)\"\(needed)}"
                let keys = try KeyProbe.known(Scenarios.quickstart, at: path, [whole]).subtracting(common)
                #expect(Set(row[1].names) == keys, "\(path) \(name)")
            }
        }
    }

    /// Keys without which a named part is not read at all.
    private static let requiredBeside = [
        "dirichlet": "alpha: 1", "centred-clipping": "radius: 1", "norm-bound": "norm: 1",
        "matrix-factorization": "items: 3",
    ]

    /// How updates travel is told by name above; here, how models do.
    @Test func modelsThatTravel() throws {
        let keys = try known(
            Scenarios.quickstart, at: "task.compression", inner: ["download": []],
            ["task.compression={name: \"quantize\", download: {}}"])
        expect(
            try rows(Self.taskPage, "`task.compression`"), tell: keys.subtracting(["bits"]),
            "task.compression")
    }

    /// The keys that all robust rules and all attacks share.
    @Test(arguments: [
        (taskPage, "`task.robust`", "task.robust", "{rule: \"median\"}"),
        (
            "Sources/Simulation/README.md", "`simulation.attack`", "simulation.attack",
            "{name: \"zero\"}"
        ),
    ]) func sharedKeys(_ page: String, _ heading: String, _ path: String, _ whole: String) throws {
        let keys = try KeyProbe.known(Scenarios.quickstart, at: path, ["\(path)=\(whole)"])
        expect(try rows(page, heading), tell: keys, path)
    }

    /// Keys without which a layer is not read at all.
    private static let required = [
        "dense": ["units=3"], "conv2d": ["channels=3", "kernel=3"], "conv1d": ["channels=3", "kernel=3"],
        "max_pool": ["kernel=2"], "average_pool": ["kernel=2"], "group_norm": ["groups=1"],
        "embedding": ["vocabulary=3", "units=3"], "rnn": ["units=3"], "gru": ["units=3"], "lstm": ["units=3"],
        "attention": ["heads=1"], "transformer_block": ["heads=1"], "patches": ["size=1"],
        "sequential": ["layers=[\"relu\"]"], "residual": ["body=[\"relu\"]"],
        "reproduce": ["layers=[\"relu\"]"], "statistics": ["blocks=[{name: \"a.mean\", size: 2}]"],
    ]

    @Test func layers() throws {
        for row in try rows(Self.taskPage, "`task.model`", "layer") {
            for name in row[0].codeWords where !row[1].names.isEmpty {
                let whole = "task.model={layers: [{\(name): {}}]}"
                let needed = Self.required[name, default: []].map {
                    "task.model.layers.0.\(name).\($0)"
                }
                let keys = try KeyProbe.known(
                    Scenarios.quickstart, at: "task.model.layers.0.\(name)", [whole] + needed)
                #expect(Set(row[1].names) == keys, "layer \(name)")
            }
        }
    }

    @Test func simulation() throws {
        let keys = try known(Scenarios.quickstart, at: "simulation", inner: ["faults": []])
        expect(try rows("Sources/Simulation/README.md", "`simulation`"), tell: keys, "simulation")
    }

    @Test func privacyAttack() throws {
        let keys = try known(
            Scenarios.quickstart, at: "simulation.privacy_attack",
            inner: ["gradient_inversion": [], "membership_inference": []])
        expect(
            try rows("Sources/Simulation/README.md", "`simulation.privacy_attack`"), tell: keys,
            "simulation.privacy_attack")
    }

    /// The second column says in which formats a key is read: `all`, `tables`, or some by name, and for several keys in
    /// a row for each of them.
    @Test(arguments: ["csv", "table", "arff", "idx", "images", "cifar", "text"]) func data(_ format: String)
        throws
    {
        let rows = try rows("Sources/Datasets/README.md", "Data sections").flatMap { row in
            let names = row[0].codeWords
            let formats = row[1].split(separator: ";").map(String.init)
            return names.enumerated().map { index, name in
                ["`\(name)`", formats.count == 1 ? row[1] : formats[index]]
            }
        }
        let mine = rows.filter { row in
            row[1] == "all" || (row[1].hasPrefix("tables") && ["csv", "table", "arff"].contains(format))
                || row[1].codeWords.contains(format)
        }
        let inner: [String: [String: [String]]] = [
            "idx": ["groups": ["simulation.data.groups={path:\"x\"}"]],
            "text": [
                "tokenizer": ["simulation.data.tokenizer={kind:\"byte\"}"],
                "group": ["simulation.data.group={pattern:\"*:\"}"],
            ],
        ]
        var keys = try known(
            Scenarios.quickstart, at: "simulation.data", inner: inner[format] ?? [:],
            ["simulation.data={format: \"\(format)\", path: \"x\", label: 0}"].map {
                ["idx", "images", "cifar", "text"].contains(format)
                    ? $0.replacing(", label: 0", with: "") : $0
            })
        // A name or a column, or a section of its own.
        if format == "text" { keys.insert("group") }
        expect(mine, tell: keys, "data of format \(format)")
    }

    @Test func split() throws {
        let keys = try KeyProbe.known(
            Scenarios.quickstart, at: "simulation.data.split", ["simulation.data.split={folds: 2}"])
        expect(try rows("Sources/Datasets/README.md", "`split`"), tell: keys, "split")
    }

    @Test func serverSection() throws {
        let keys = try known(
            KeyProbe.server, at: "server",
            inner: [
                "tls": [], "limits": [], "retention": [], "audit": ["server.audit={syslog:false}"],
                "roster_budget": ["server.roster_budget={folder:\"x\",epsilon:1}"],
            ],
            ["server.data=null", "server.input_shape=[64]"])
        expect(try rows("Sources/AggregationServer/README.md", "`server`"), tell: keys, "server")
    }

    @Test func agentsFile() throws {
        let keys = try known(
            KeyProbe.agent, at: "",
            inner: [
                "tls": [], "policy": [], "conditions": [], "log": [],
                "trainer": ["trainer={command: [\"true\"]}"],
            ])
        expect(try rows("Sources/ClientAgent/README.md", "The agent's file"), tell: keys, "the agent's file")
    }

    /// A section that a reader opens and no test here asks about would escape: there is none.
    @Test func everySectionThatIsReadIsAskedAbout() throws {
        let asked: Set = [
            "task", "training", "schedule", "augment", "strategy", "privacy", "example", "adaptive_clipping",
            "secure_aggregation", "evaluation", "simulation", "faults", "split", "groups", "group",
            "tokenizer", "adapters", "server", "tls", "limits", "retention", "policy", "conditions",
            "trainer", "log", "robust", "attack", "compression", "asynchronous", "staleness", "download",
            "privacy_attack", "gradient_inversion", "membership_inference", "matrix",
            "roster_budget", "audit",
        ]
        // One map by the reader's own names, one of two numbers, and what programs wrote themselves.
        let others: Set = [
            "label_map", "skip_lines", "columns", "target", "begun", "ledgers", "recent_minutes", "frozen",
            "server_ledgers",
        ]
        var read: Set<String> = []
        let folder = Manual.root.appendingPathComponent("Sources")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        for case let file as URL in files where file.pathExtension == "swift" {
            let source = try String(contentsOf: file, encoding: .utf8)
            read.formUnion(source.matches(of: /\.section\(\s*"(\w+)"/).map { String($0.1) })
        }
        #expect(read == asked.union(others))
    }
}
