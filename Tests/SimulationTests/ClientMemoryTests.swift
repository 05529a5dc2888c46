import Compute
import Configuration
import Federation
import Foundation
import Operations
import TestSupport
import Testing

@testable import Simulation

/// What simulated clients keep from round to round, and a run that is taken up again.
@Suite struct ClientMemoryTests {
    private static let vectors = [
        ClientMemoryVector(name: "one", count: 3), ClientMemoryVector(name: "two", count: 2),
    ]

    private func open(_ path: String?, clients: Int = 9) throws -> ClientMemoryFile {
        try ClientMemoryFile(path: path, vectors: Self.vectors, clients: clients)
    }

    private func loaded(_ file: ClientMemoryFile, _ client: Int) throws -> [Float] {
        let memory = ClientMemory(Self.vectors)
        memory.values.update(repeating: .nan)
        try file.load(client, into: memory)
        return Array(memory.values)
    }

    @Test func vectorsAreFoundByName() {
        let memory = ClientMemory(Self.vectors)
        for index in 0..<5 { memory.values[index] = Float(index) }
        #expect(Array(memory["one"]) == [0, 1, 2] && Array(memory["two"]) == [3, 4])
        memory.clear()
        #expect(Array(memory.values) == [0, 0, 0, 0, 0] && !memory.isEmpty)
    }

    /// Rounds, lost reports, checkpoints and deaths in any order: what is kept is what a table in memory says.
    @Test(arguments: 1...8 as ClosedRange<UInt64>) func keepsWhatWasAcceptedAndNothingElse(seed: UInt64)
        throws
    {
        let path = try TemporaryFolders.make("sordino-memory") + "/clients.memory"
        var random = SeededGenerator(seed: seed, purpose: .test)
        var file = try open(path)
        var (table, saved): ([Int: [Float]], [Int: [Float]]) = ([:], [:])
        var binding: ClientMemoryFile.Binding?
        for step in 1...60 {
            var made: [Int: [Float]] = [:]
            for _ in 0..<3 {
                let client = random.index(below: 9)
                let memory = ClientMemory(Self.vectors)
                for index in 0..<5 { memory.values[index] = random.uniform() }
                try file.stage(client, memory)
                made[client] = Array(memory.values)
            }
            let accepted = made.keys.sorted().filter { _ in random.uniform() < 0.7 }
            try file.accept(accepted)
            for client in accepted { table[client] = made[client] }
            if step % 4 == 0 {
                binding = try file.bind()
                file.checkpointed()
                saved = table
            }
            if step % 7 == 0 {
                file = try open(path)
                if let binding { try file.restore(binding) }
                table = saved
            }
            for client in 0..<9 { #expect(try loaded(file, client) == table[client] ?? [0, 0, 0, 0, 0]) }
        }
    }

    /// A file that is cut, emptied, older or another's is refused in one line.
    @Test(arguments: ["cut", "emptied", "older", "changed", "fewer clients"])
    func whatACheckpointDoesNotFindIsRefused(damage: String) throws {
        let path = try TemporaryFolders.make("sordino-memory") + "/clients.memory"
        let memory = ClientMemory(Self.vectors)
        var older = Data()
        do {
            let file = try open(path)
            for value in [1, 2] as [Float] {
                memory.values.update(repeating: value)
                for client in [0, 8] { try file.stage(client, memory) }
                try file.accept([0, 8])
                if value == 1 {
                    _ = try file.bind()
                    older = try #require(FileManager.default.contents(atPath: path))
                }
            }
        }
        let binding: ClientMemoryFile.Binding
        do {
            let file = try open(path)
            try file.restore(ClientMemoryFile.Binding(places: [], digest: 0))
            for client in [0, 8] { try file.stage(client, memory) }
            try file.accept([0, 8])
            binding = try file.bind()
        }
        var bytes = try #require(FileManager.default.contents(atPath: path))
        switch damage {
        case "cut": bytes = bytes.dropLast(480)
        case "emptied": bytes = Data()
        case "older": bytes = older
        case "changed": bytes[3] ^= 1
        default: break
        }
        try bytes.write(to: URL(fileURLWithPath: path))
        let file = try open(path, clients: damage == "fewer clients" ? 8 : 9)
        let failure = #expect(throws: Failure.self) { try file.restore(binding) }
        #expect(failure?.exitCode == .storage && failure?.message.contains("--overwrite") == true)
    }

    // MARK: Runs

    private static let simulations = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("simulations").path

    private func run(
        _ strategy: String, in folder: String, rounds: Int = 6, workers: Int = 1, after: Int = .max,
        resumes: Bool = false
    ) throws -> SimulationSummary {
        var document = try ConfigurationDocument(contentsOf: Self.simulations + "/quickstart.json5")
        for assignment in [
            "task.privacy={ mode: \"none\" }", "task.strategy=\(strategy)", "task.rounds=\(rounds)",
            "task.training.batch_size=5", "simulation.baselines=[]", "task.cohort_size=12",
            "task.min_reports=null", "simulation.clients=40",
        ] { try document.set(assignment) }
        let run = try ScenarioRun(
            document,
            ScenarioRun.Settings(
                out: folder, workers: workers, secureNoise: false, resumes: resumes,
                command: "sordino simulate"
            ))
        return try run.perform(Stopper(after: after)).summary
    }

    /// The same bits for any number of workers, and for a run that was stopped and taken up again.
    @Test(arguments: ["{ name: 'scaffold' }", "{ name: 'feddyn', alpha: 0.1 }"])
    func aRunWithMemoryReproduces(strategy: String) throws {
        let whole = try run(strategy, in: TemporaryFolders.make("sordino-memory"))
        #expect(whole.modelSHA256?.count == 64)
        let folder = try TemporaryFolders.make("sordino-memory")
        _ = try run(strategy, in: folder, workers: 3, after: 2)
        let memory = folder + "/clients.memory"
        let kept = try #require(FileManager.default.contents(atPath: memory))
        let resumed = try run(strategy, in: folder, workers: 3, resumes: true)
        #expect(resumed.modelSHA256 == whole.modelSHA256)
        let plain = try run("{ name: 'fedavg' }", in: TemporaryFolders.make("sordino-memory"))
        #expect(plain.modelSHA256 != whole.modelSHA256)
        // Interrupted again, and what clients kept is lost.
        let second = try TemporaryFolders.make("sordino-memory")
        _ = try run(strategy, in: second, after: 2)
        try kept.prefix(kept.count / 2).write(to: URL(fileURLWithPath: second + "/clients.memory"))
        #expect(throws: Failure.self) { try run(strategy, in: second, resumes: true) }
    }
}
