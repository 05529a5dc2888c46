import Foundation
import Glibc
import TestSupport
import Testing

/// Runs that are killed or interrupted at random instants and taken up again.
@Suite(.tags(.endToEnd)) struct InterruptionTests {
    /// Kills a run `kills` times at random instants, resuming each time, and then lets it end. After every kill
    /// the ledger must verify and still say all that it said before.
    ///
    /// The instants are drawn from the system's generator: the promise is for any instant, and every run of the
    /// tests tries others.
    private func endure(
        _ federation: Federation, into folder: String, kills: Int, microseconds: ClosedRange<UInt32>
    ) throws -> CommandResult {
        var known = try Releases(federation.workspace, folder)
        for _ in 0..<kills {
            let command = try federation.start(into: folder, ["--resume"])
            // No condition: any instant is as good.
            usleep(UInt32.random(in: microseconds))
            command.send(SIGKILL)
            let result = try command.wait()
            #expect(result.signal == SIGKILL || result.status == 0, "\(result.errors)")
            let releases = try Releases(federation.workspace, folder)
            #expect(releases.keep(known) && releases.repetitions == 0)
            known = releases
            try federation.expectSoundLedger(folder)
        }
        let result = try federation.run(into: folder, "--resume")
        let releases = try Releases(federation.workspace, folder)
        #expect(releases.keep(known) && releases.repetitions == 0)
        try federation.expectSoundLedger(folder)
        return result
    }

    private func expectSameResult(_ federation: Federation, _ folder: String, as reference: String) throws {
        let (first, second) = (try federation.summary(reference), try federation.summary(folder))
        let keys = [
            "model_sha256", "epsilon", "rounds_completed", "clients_trained", "examples_trained", "bytes_up",
            "final_accuracy", "best_accuracy", "finished",
        ]
        for key in keys { #expect(first[key] != nil && first[key] == second[key], "\(key)") }
        let workspace = federation.workspace
        #expect(
            try workspace.data(reference + "/ledger.jsonl") == workspace.data(folder + "/ledger.jsonl"))
        try expectEveryRoundOnce(
            federation, folder, count: #require(first["rounds_completed"]?.integer))
    }

    private func expectEveryRoundOnce(_ federation: Federation, _ folder: String, count: Int) throws {
        for name in ["rounds.jsonl", "diagnostics.jsonl"] {
            let rounds = try federation.workspace.jsonLines("\(folder)/\(name)").map { $0["round"]?.integer }
            #expect(rounds == Array(1...count), "\(name) must hold every round once")
        }
    }

    @Test func aKilledRehearsalEndsInTheSameBits() throws {
        let federation = try Federation(Scenarios.digits(rounds: 1200))
        let began = Date()
        #expect(try federation.run(into: "reference", "--workers", "1").status == 0)
        let duration = UInt32(Date().timeIntervalSince(began) * 1e6)
        // A checkpoint is written every two seconds: some kills come before the first, some after.
        let result = try endure(federation, into: "killed", kills: 5, microseconds: 1000...duration)
        #expect(result.status == 0, "\(result.errors)")
        try expectSameResult(federation, "killed", as: "reference")
    }

    @Test(arguments: [
        Scenarios.central, Scenarios.poisson, Scenarios.local, Scenarios.distributed, Scenarios.tree,
        Scenarios.matrix,
    ])
    func aKilledSecureRunReleasesEveryRoundOnce(privacy: String) throws {
        let rounds = 30
        let federation = try Federation(
            Scenarios.digits(rounds: rounds, privacy: privacy), ["--noise", "secure"])
        let result = try endure(federation, into: "out", kills: 8, microseconds: 1000...250_000)
        #expect(result.status == 0, "\(result.errors)")
        let releases = try Releases(federation.workspace, "out")
        #expect(releases.sums.keys.sorted() == Array(1...rounds))
        #expect(releases.models.keys.sorted() == Array(1...rounds))
        #expect(Set(releases.sums.values).count == rounds)
        try expectEveryRoundOnce(federation, "out", count: rounds)
        // The budget is that of a run that nobody disturbed.
        let undisturbed = try Sordino.run(
            "check", federation.workspace.file("scenario.json5"), "--format", "json")
        #expect(try federation.summary("out")["epsilon"] == undisturbed.json["epsilon"])
        let digest = try Digest.sha256(ofFile: federation.workspace.file("out/model.safetensors"))
        #expect(try federation.summary("out")["model_sha256"]?.string == digest)
    }

    /// A run whose secret key is lost cannot draw the same cohorts, nor take back noise: it must not make up another.
    @Test(arguments: [nil, 5]) func aRunWithoutItsKeyIsNotTakenUp(keptBytes: Int?) throws {
        let federation = try Federation(
            Scenarios.digits(rounds: 3000, privacy: Scenarios.tree), ["--noise", "secure"])
        let command = try federation.start(into: "out", [])
        let rounds = federation.workspace.file("out/rounds.jsonl")
        func size() -> Int { FileManager.default.contents(atPath: rounds)?.count ?? 0 }
        #expect(eventually(within: 60, every: 2) { size() >= 2000 })
        command.send(SIGKILL)
        #expect(try command.wait().signal == SIGKILL)
        let key = federation.workspace.file("out/cohort.key")
        let bytes = try #require(FileManager.default.contents(atPath: key))
        try FileManager.default.removeItem(atPath: key)
        if let keptBytes { try bytes.prefix(keptBytes).write(to: URL(fileURLWithPath: key)) }
        let refused = try federation.run(into: "out", "--resume")
        #expect(refused.status == 6 && refused.errors.contains("cohort.key"), "\(refused.errors)")
        try federation.expectSoundLedger("out")
        try bytes.write(to: URL(fileURLWithPath: key))
        let before = size()
        let resumed = try federation.start(into: "out", ["--resume"])
        // Once it has played rounds of its own the handlers are surely in place.
        #expect(eventually(within: 60) { size() > before })
        resumed.send(SIGINT)
        let result = try resumed.wait()
        #expect(result.status == 7 || result.status == 0, "\(result.errors)")
    }

    @Test(arguments: [SIGINT, SIGTERM]) func anInterruptedRunSavesItsState(signal: Int32) throws {
        let federation = try Federation(Scenarios.digits(rounds: 300))
        #expect(try federation.run(into: "reference").status == 0)
        let command = try federation.start(into: "out", [])
        // Once the first rounds are on disk the handlers are surely in place.
        let started = eventually(within: 60, every: 1) {
            (try? federation.workspace.data("out/rounds.jsonl"))?.isEmpty == false
        }
        #expect(started)
        command.send(signal)
        let interrupted = try command.wait()
        #expect(interrupted.status == 7, "\(interrupted.errors)")
        let done = try #require(federation.summary("out")["rounds_completed"]?.integer)
        #expect(done > 0 && done < 300)
        #expect(try federation.workspace.jsonLines("out/rounds.jsonl").count == done)
        #expect(try federation.summary("out")["finished"]?.string?.contains("--resume") == true)
        try federation.expectSoundLedger("out")
        let resumed = try federation.run(into: "out", "--resume")
        #expect(resumed.status == 0, "\(resumed.errors)")
        try expectSameResult(federation, "out", as: "reference")
    }

    @Test func aFinishedRunIsResumedWithoutSpendingMore() throws {
        let federation = try Federation(Scenarios.digits(rounds: 5), ["--noise", "secure"])
        #expect(try federation.run(into: "out").status == 0)
        let first = try federation.summary("out")
        let ledger = try federation.workspace.data("out/ledger.jsonl")
        #expect(try federation.run(into: "out", "--resume").status == 0)
        #expect(try federation.summary("out")["model_sha256"] == first["model_sha256"])
        #expect(try federation.workspace.data("out/ledger.jsonl") == ledger)
    }

    @Test func aRunIsNotResumedWithOtherSettings() throws {
        let federation = try Federation(Scenarios.digits(rounds: 3))
        #expect(try federation.run(into: "out").status == 0)
        let before = try federation.workspace.data("out/model.safetensors")
        for change in [["--seed", "2"], ["--set", "task.rounds=4"], ["--noise", "secure"]] {
            let resumed = try federation.start(into: "out", ["--resume"] + change).wait()
            #expect(resumed.status == 3 && resumed.complaints.count == 1, "\(change): \(resumed.errors)")
        }
        #expect(try federation.workspace.data("out/model.safetensors") == before)
    }
}
