internal import Configuration
internal import Federation
internal import Foundation
internal import Learning
internal import Messages

/// What a checkpoint keeps of an asynchronous run beside the newest model: who trains, and the models that they began with.
enum BufferedCheckpoint {
    /// Key of the metadata.
    static let key = "asynchronous"

    /// The engine's memory as JSON has it; clients in ascending order.
    private struct Written: Codable {
        var round: Int
        var abandonedInARow: Int
        var wave: Int
        /// Client, round, version, wave, nanoseconds of the virtual clock.
        var inFlight: [[Int]]
        /// Client, charged steps.
        var participations: [[Int]]
        var served: [Int]
    }

    /// The metadata of a memory.
    static func metadata(_ memory: BufferedRounds.Memory) -> [String: String] {
        let engine = memory.engine
        let written = Written(
            round: engine.round, abandonedInARow: engine.abandonedInARow, wave: engine.wave,
            inFlight: engine.inFlight.map {
                [$0.client, $0.round, $0.version, $0.wave, Int($0.at.nanoseconds)]
            },
            participations: engine.participations.sorted { $0.key < $1.key }.map { [$0.key, $0.value] },
            served: engine.served.sorted())
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        // Whole numbers can always be written.
        guard let data = try? encoder.encode(written) else { return [:] }
        return [key: String(decoding: data, as: UTF8.self)]
    }

    /// Name of the tensor that keeps the model of a version.
    private static func name(_ version: Int) -> String { "\(key).model.\(version)" }

    /// Whether a tensor is one of these.
    static func isOwn(_ name: String) -> Bool { name.hasPrefix("\(key).model.") }

    /// The models, as tensors.
    static func tensors(_ memory: BufferedRounds.Memory) -> [(name: String, values: [Float])] {
        memory.models.sorted { $0.key < $1.key }.map { (name($0.key), $0.value) }
    }

    /// What a checkpoint of a plan says; nil where the plan has rounds, and before the first step. Throws
    /// ``ConfigurationError`` where that cannot be.
    static func decode(
        _ data: Data, plan: TaskPlan, progress: Simulator.Progress, path: String
    ) throws -> BufferedRounds.Memory? {
        guard let rules = BufferedEngine.Rules(plan), progress.round > 0 else { return nil }
        let damaged = ConfigurationError(
            path: path, problem: "damaged checkpoint (\(key)); run without --resume")
        guard let file = try? data.withUnsafeBytes({ try SafeTensors(decoding: $0) }),
            let text = file.metadata[key],
            let written = try? JSONDecoder().decode(Written.self, from: Data(text.utf8)),
            let engine = memory(written, rules, progress, clients: plan.population)
        else { throw damaged }
        var models: [Int: [Float]] = [:]
        let oldest = engine.published - rules.maximalStaleness
        for version in Set(engine.inFlight.map(\.version)) where version >= oldest {
            guard let tensor = file.tensors.first(where: { $0.name == name(version) }),
                tensor.values.count == plan.dimension
            else { throw damaged }
            models[version] = tensor.values
        }
        return BufferedRounds.Memory(engine: engine, models: models)
    }

    /// The engine's memory, where no number is one that it cannot have had.
    private static func memory(
        _ written: Written, _ rules: BufferedEngine.Rules, _ progress: Simulator.Progress, clients: Int
    ) -> BufferedEngine.Memory? {
        let (clients, now) = (0..<clients, Int(progress.virtualTime.nanoseconds))
        guard progress.round < Int.max, written.round == progress.round + 1,
            0...progress.round ~= written.abandonedInARow, 0..<Int.max / 2 ~= written.wave,
            written.inFlight.count <= rules.concurrency, written.served.allSatisfy(clients.contains)
        else { return nil }
        var inFlight: [BufferedEngine.Assignment] = []
        for numbers in written.inFlight {
            guard numbers.count == 5, clients.contains(numbers[0]), 1...progress.round ~= numbers[1],
                0...progress.published ~= numbers[2], 1...max(1, written.wave) ~= numbers[3],
                0...max(0, now) ~= numbers[4], inFlight.last.map({ $0.client < numbers[0] }) ?? true
            else { return nil }
            inFlight.append(
                BufferedEngine.Assignment(
                    client: numbers[0], round: numbers[1], version: numbers[2], wave: numbers[3],
                    at: Instant(nanoseconds: Int64(numbers[4])), deadlineSeconds: rules.deadlineSeconds))
        }
        var participations: [Int: Int] = [:]
        for numbers in written.participations {
            guard numbers.count == 2, clients.contains(numbers[0]),
                1...max(1, progress.charged) ~= numbers[1],
                participations.updateValue(numbers[1], forKey: numbers[0]) == nil
            else { return nil }
        }
        return BufferedEngine.Memory(
            round: written.round, published: progress.published, charged: progress.charged,
            abandonedInARow: written.abandonedInARow, wave: written.wave, inFlight: inFlight,
            participations: participations, served: Set(written.served))
    }
}
