import Compute
import Datasets
import Federation
import Foundation
import Glibc
import Messages
import Testing

@testable import ClientAgent

@Suite("An external trainer") struct ExternalTrainerTests {
    let authority: TestAuthority
    let task: TestTask

    init() throws {
        authority = try TestAuthority()
        task = try TestTask(folder: authority.folder)
    }

    /// Runs a shell script as the trainer and returns the change that it made.
    private func train(
        _ script: String, timeout: Double = 20, memoryLimit: Int? = nil, task other: TestTask? = nil
    ) throws -> (delta: [Float], examples: Int) {
        let task = other ?? task
        let folder = authority.path("trainer")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let command = TrainerCommand(
            command: ["/bin/sh", "-c", script], timeout: timeout, memoryLimit: memoryLimit,
            schema: task.dataset.preprocessing, folder: authority.folder)
        let trainer = ExternalTrainer(command, folder: folder) { false }
        let job = TrainingJob(
            plan: task.plan, task: "t", round: 1, client: 0, seed: 1, model: task.initial,
            preprocessing: task.dataset.preprocessing)
        return try trainer.withUpdate(job) { (Array($0), $1) }
    }

    private func write(_ model: SafeTensors, _ name: String) throws {
        try Data(model.encoded()).write(to: URL(fileURLWithPath: authority.path(name)))
    }

    private func tensors(_ change: (Int, Float) -> Float = { $1 }) -> [SafeTensors.Tensor] {
        task.initial.layout.entries.enumerated().map { place, entry in
            SafeTensors.Tensor(
                name: entry.name, shape: entry.shape,
                values: task.initial.values[entry.range].map { change(place, $0) })
        }
    }

    @Test("The change is trained minus given, in the layout's order, weighed by its examples")
    func change() throws {
        let model = SafeTensors(
            tensors: tensors { $0 == 1 ? $1 + 0.5 : $1 }.reversed(), metadata: ["examples": "17"])
        try write(model, "trained")
        let update = try train("cp trained \"$SORDINO_MODEL_OUT\"")
        #expect(update.examples == 17)
        let second = task.initial.layout.entries[1].range
        for (index, value) in update.delta.enumerated() {
            let trained = task.initial.values[index] + (second.contains(index) ? 0.5 : 0)
            #expect(value == trained - task.initial.values[index])
        }
    }

    @Test("It sees the model, the task and little else of the agent's environment")
    func environment() throws {
        setenv("SORDINO_TEST_SECRET", "hidden", 1)
        let private1 = try TestTask(privacy: TestTask.local, folder: authority.folder)
        _ = try train(
            """
            test -z "$SORDINO_TEST_SECRET" && test -f data.csv && grep -q '"round" *: *1' "$SORDINO_CONFIG" &&
            grep -q input_shape "$SORDINO_CONFIG" && test ! -t 0 && cp "$SORDINO_MODEL_IN" "$SORDINO_MODEL_OUT"
            """, task: private1)
    }

    @Test(
        "Hostile or broken output is refused in one line, and does not disturb the next round",
        arguments: [
            "true", "exit 3", "kill -9 $$", "echo nonsense > \"$SORDINO_MODEL_OUT\"",
            "ln -s /dev/zero \"$SORDINO_MODEL_OUT\"", "mkfifo \"$SORDINO_MODEL_OUT\"",
            "mkdir \"$SORDINO_MODEL_OUT\"", "head -c 2000000 /dev/zero > \"$SORDINO_MODEL_OUT\"",
            "printf '\\377\\377\\377\\377\\377\\377\\377\\177' > \"$SORDINO_MODEL_OUT\"",
            "cp not-finite \"$SORDINO_MODEL_OUT\"", "cp missing \"$SORDINO_MODEL_OUT\"",
            "cp other-shape \"$SORDINO_MODEL_OUT\"", "cp without-examples \"$SORDINO_MODEL_OUT\"",
            "cp too-many-examples \"$SORDINO_MODEL_OUT\"", "cp twice \"$SORDINO_MODEL_OUT\"",
            "no-such-program", "yes > \"$SORDINO_MODEL_OUT\"",
            "cd \"${SORDINO_MODEL_OUT%/*}\"; mkdir -p a/b; touch a/b/c d; ln -s / e; rm config.json; mkdir config.json",
            "cd \"${SORDINO_MODEL_OUT%/*}/..\"; rm -f output.log; mkdir output.log; mkdir x; chmod 0 x; exit 1",
            "rm -rf \"${SORDINO_MODEL_OUT%/*}\"", "exec 1>&-; exec 2>&-; exit 1",
        ])
    func hostile(script: String) throws {
        let count = ["examples": "1"]
        try write(SafeTensors(tensors: tensors { $0 == 0 ? .nan : $1 }, metadata: count), "not-finite")
        try write(SafeTensors(tensors: tensors().dropLast(), metadata: count), "missing")
        try write(SafeTensors(tensors: tensors()), "without-examples")
        try write(SafeTensors(tensors: tensors(), metadata: ["examples": "-4"]), "too-many-examples")
        try write(SafeTensors(tensors: tensors() + [tensors()[0]], metadata: count), "twice")
        let flat = tensors().map {
            SafeTensors.Tensor(name: $0.name, shape: [$0.values.count, 1], values: $0.values)
        }
        try write(SafeTensors(tensors: flat, metadata: count), "other-shape")
        let failure = #expect(throws: TrainerFailure.self) { try train(script) }
        #expect(failure?.description.contains(where: \.isNewline) == false)
        try write(SafeTensors(tensors: tensors(), metadata: count), "good")
        #expect(try train("cp good \"$SORDINO_MODEL_OUT\"").examples == 1)
        let left = try FileManager.default.contentsOfDirectory(atPath: authority.path("trainer"))
        #expect(left.filter { $0 != "x" } == ["output.log"])
    }

    @Test("At its time limit it ends, and so do the children that ignore SIGTERM")
    func timeout() throws {
        let script = """
            (trap '' TERM; echo $$ > parent; sh -c 'trap "" TERM; echo $$ > child; while :; do sleep 1; done') &
            wait
            """
        #expect(throws: TrainerFailure.self) { try train(script, timeout: 0.7) }
        let text = try String(contentsOfFile: authority.path("child"), encoding: .utf8)
        let child = try #require(Int32(text.trimmingCharacters(in: .newlines)))
        // A zombie until init reaps it is dead as well.
        let status = try? String(contentsOfFile: "/proc/\(child)/status", encoding: .utf8)
        #expect(status == nil || status?.contains("State:\tZ") == true)
    }

    @Test("Children left behind by a trainer that ended well end too")
    func leftBehind() throws {
        let model = SafeTensors(tensors: tensors(), metadata: ["examples": "1"])
        try write(model, "trained")
        _ = try train("(sleep 1000 & echo $! > child); cp trained \"$SORDINO_MODEL_OUT\"")
        let text = try String(contentsOfFile: authority.path("child"), encoding: .utf8)
        let child = try #require(Int32(text.trimmingCharacters(in: .newlines)))
        let status = try? String(contentsOfFile: "/proc/\(child)/status", encoding: .utf8)
        #expect(status == nil || status?.contains("State:\tZ") == true)
    }

    @Test("Its memory is limited before it runs")
    func memory() throws {
        let script = "test \"$(ulimit -v)\" = 65536 && cp \"$SORDINO_MODEL_IN\" \"$SORDINO_MODEL_OUT\""
        let local = try TestTask(privacy: TestTask.local, folder: authority.folder)
        let update = try train(script, memoryLimit: 64 << 20, task: local)
        #expect(update.delta.allSatisfy { $0 == 0 } && update.examples == 1)
    }
}
