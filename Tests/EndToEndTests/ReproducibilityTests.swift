import Testing

/// Same scenario, same seed, same binary: the same bits, however many workers there are.
@Suite(.tags(.endToEnd)) struct ReproducibilityTests {
    @Test func theQuickstartIsTheSameForAnyNumberOfWorkers() throws {
        let workspace = try Workspace()
        var summaries: [JSON] = []
        for workers in ["1", "2", "4"] {
            let run = try Sordino.run(
                "simulate", Scenarios.quickstart, "--out", workspace.file(workers), "--workers", workers,
                "--format", "json")
            #expect(run.status == 0, "\(run.errors)")
            summaries.append(try run.json)
        }
        for key in [
            "model_sha256", "epsilon", "final_accuracy", "final_loss", "clients_trained", "baselines",
        ] {
            let values = summaries.map { $0[key] }
            #expect(values[0] != nil && values[0] == values[1] && values[0] == values[2], "\(key)")
        }
        // The whole ledger reproduces, signatures included.
        #expect(try workspace.data("1/ledger.jsonl") == workspace.data("4/ledger.jsonl"))
        #expect(try workspace.data("1/model.safetensors") == workspace.data("4/model.safetensors"))
    }

    @Test(arguments: [Scenarios.poisson, Scenarios.local, Scenarios.distributed, "{ mode: 'none' }"])
    func everyModeIsTheSameForAnyNumberOfWorkers(privacy: String) throws {
        let faults = "faults: { dropout_rate: 0.1, speed_spread: 0.5 }"
        let federation = try Federation(Scenarios.digits(rounds: 20, privacy: privacy, extra: faults))
        var digests: Set<String> = []
        for workers in ["1", "2", "4"] {
            #expect(try federation.run(into: workers, "--workers", workers).status == 0)
            digests.insert(try #require(federation.summary(workers)["model_sha256"]?.string))
        }
        #expect(digests.count == 1)
        #expect(try federation.run(into: "seed", "--seed", "2").status == 0)
        #expect(try federation.summary("seed")["model_sha256"]?.string != digests.first)
    }

    /// A task's parts that only privacy has a use for, such as metrics in the vector, stay out of its baseline.
    @Test(arguments: [
        "task.evaluation.holdout=federated", "task.privacy.adaptive_clipping={}",
        "task.privacy.per_layer_clipping=true", "task.privacy.mode=local",
        "task.privacy.example={clipping_norm: 1, noise_multiplier: 1, records: 100}",
    ])
    func everyPrivateTaskHasItsBaselines(setting: String) throws {
        let workspace = try Workspace()
        let run = try Sordino.run(
            "simulate", Scenarios.quickstart, "--out", workspace.file("out"), "--set", setting,
            "--set", "task.rounds=8", "--format", "json")
        #expect(run.status == 0, "\(run.errors)")
        let baselines = try #require(run.json["baselines"]?.items)
        #expect(baselines.compactMap { $0["name"]?.string } == ["without_privacy", "central"])
        for baseline in baselines { #expect(try #require(baseline["accuracy"]?.number) > 0.5) }
    }

    @Test func masksDoNotChangeABit() throws {
        let federation = try Federation(
            Scenarios.digits(
                rounds: 3, privacy: Scenarios.distributed, extra: "faults: { dropout_rate: 0.05 }"))
        #expect(try federation.run(into: "sum", "--secagg", "sum").status == 0)
        let masked = try federation.run(into: "real", "--secagg", "real")
        #expect(masked.status == 0, "\(masked.errors)")
        for key in ["model_sha256", "epsilon", "epsilon_server", "clients_trained", "rounds_completed"] {
            #expect(try federation.summary("sum")[key] == federation.summary("real")[key], "\(key)")
        }
        #expect(try federation.summary("real")["epsilon_server"]?.number != nil)
    }

    @Test func secureNoiseNeverRepeats() throws {
        let federation = try Federation(Scenarios.digits(rounds: 2), ["--noise", "secure"])
        #expect(try federation.run(into: "a").status == 0)
        #expect(try federation.run(into: "b").status == 0)
        let (first, second) = (try federation.summary("a"), try federation.summary("b"))
        #expect(first["noise_source"]?.string == "secure")
        #expect(first["epsilon"] == second["epsilon"])
        #expect(first["model_sha256"] != second["model_sha256"])
    }
}
