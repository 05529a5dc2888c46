internal import Compute
internal import Configuration
internal import Federation
internal import Foundation
internal import Ledger
internal import Messages

/// A run's state between rounds, as one safetensors file: the model, its optimiser state, and counters.
struct Checkpoint {
    /// Key of what clients keep between rounds.
    private static let memoryKey = "client_memory"

    /// The file. `scenarioDigest` ties it to the scenario that it belongs to, `ledger` to what was spent, `memory` to what
    /// clients keep.
    static func file(
        _ progress: Simulator.Progress, scenarioDigest: String, ledger: LedgerBinding? = nil,
        memory: ClientMemoryFile.Binding? = nil
    ) -> TensorFile {
        var tensors = progress.parameters.layout.entries.map { ($0.name, $0.shape) }
        var values = [progress.parameters.values]
        if let state = progress.optimizerState.tensor {
            tensors.append((state.name, state.shape))
            values.append(state.values)
        }
        if !progress.participation.isEmpty {
            tensors.append((participationKey, [progress.participation.count]))
            values.append(progress.participation.map(Float.init))
        }
        var metadata = [
            "scenario": scenarioDigest,
            "round": String(progress.round),
            "published": String(progress.published),
            "charged": String(progress.charged),
            "virtual_nanoseconds": String(progress.virtualTime.nanoseconds),
            "clients_trained": String(progress.clientsTrained),
            "examples_trained": String(progress.examplesTrained),
            "records": String(progress.records.count),
            // Shortest text that reads back to the same number.
            "clipping_norm": progress.clippingNorm.flatMap { $0.isFinite ? "\($0)" : nil } ?? "",
            "finished": progress.finished?.rawValue ?? "",
            "participants": bits(progress.participants),
        ]
        metadata.merge(AttendanceText.metadata(progress.attendance)) { $1 }
        metadata.merge(OptimizerState.metadata(names: progress.optimizerState.names)) { $1 }
        if let buffered = progress.buffered {
            metadata.merge(BufferedCheckpoint.metadata(buffered)) { $1 }
            for tensor in BufferedCheckpoint.tensors(buffered) {
                tensors.append((tensor.name, [tensor.values.count]))
                values.append(tensor.values)
            }
        }
        if let memory {
            metadata[memoryKey] = "\(memory.digest) \(Data(memory.places).base64EncodedString())"
        }
        if let ledger { metadata["ledger"] = "\(ledger.lines) \(ledger.rounds) \(ledger.head)" }
        return TensorFile(head: SafeTensors.head(tensors, metadata: metadata), values: values)
    }

    /// The tensor of how many rounds each client was in: whole numbers, exact below 2^24.
    private static let participationKey = "clients.participation"

    /// What the checkpoint says of what clients keep. Throws ``ConfigurationError`` where it says nothing that can be read.
    static func clientMemory(_ data: Data, path: String) throws -> ClientMemoryFile.Binding {
        let file = try? data.withUnsafeBytes { try SafeTensors(decoding: $0) }
        let words = (file?.metadata[memoryKey] ?? "").split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 2, let digest = UInt64(words[0]),
            let places = Data(base64Encoded: String(words[1]))
        else {
            throw ConfigurationError(
                path: path, problem: "damaged checkpoint (\(memoryKey)); run without --resume")
        }
        return ClientMemoryFile.Binding(places: [UInt8](places), digest: digest)
    }

    /// What the checkpoint says of the ledger; nil in one of 0.1.0, or of a run without a ledger.
    static func ledger(_ data: Data, path: String) throws -> LedgerBinding? {
        let file = try? data.withUnsafeBytes { try SafeTensors(decoding: $0) }
        guard let text = file?.metadata["ledger"] else { return nil }
        let words = text.split(separator: " ")
        guard words.count == 3, let lines = Int(words[0]), let rounds = Int(words[1]) else {
            throw ConfigurationError(path: path, problem: "damaged checkpoint (ledger); run without --resume")
        }
        let binding = LedgerBinding(lines: lines, head: String(words[2]), rounds: rounds)
        guard binding.isPlausible else {
            throw ConfigurationError(path: path, problem: "damaged checkpoint (ledger); run without --resume")
        }
        return binding
    }

    /// Reads a checkpoint of the same scenario; `records` are the lines of `rounds.jsonl`, of which those after
    /// the checkpoint are dropped. `stateNames` are those of the strategy's server rule. Throws ``ConfigurationError``
    /// when the file belongs to another scenario or is damaged.
    static func decode(
        _ data: Data, layout: ParameterLayout, stateNames: [String], scenarioDigest: String,
        records: [RoundRecord], path: String
    ) throws -> Simulator.Progress {
        let file: SafeTensors
        do {
            file = try data.withUnsafeBytes { try SafeTensors(decoding: $0) }
        } catch {
            throw ConfigurationError(
                path: path, problem: "damaged checkpoint (\(error)); run without --resume")
        }
        guard file.metadata["scenario"] == scenarioDigest else {
            throw ConfigurationError(
                path: path,
                problem: "belongs to another scenario, seed or setting; run without --resume to start anew")
        }
        func counter(_ key: String) throws -> Int {
            guard let value = file.metadata[key].flatMap({ Int($0) }), value >= 0 else {
                throw ConfigurationError(
                    path: path, problem: "damaged checkpoint (\(key)); run without --resume")
            }
            return value
        }
        let kept = try counter("records")
        guard kept <= records.count else {
            throw ConfigurationError(path: path, problem: "rounds.jsonl has fewer rounds than the checkpoint")
        }
        var progress = Simulator.Progress(
            parameters: try ModelFile.parameters(
                file.tensors.filter {
                    ![OptimizerState.fileKey, participationKey].contains($0.name)
                        && !BufferedCheckpoint.isOwn($0.name)
                }, layout: layout, path: path))
        progress.round = try counter("round")
        progress.published = try counter("published")
        progress.optimizerState = try optimizerState(
            file, names: stateNames, count: progress.published == 0 ? 0 : layout.count, path: path)
        progress.charged = try counter("charged")
        progress.virtualTime = Instant(nanoseconds: Int64(try counter("virtual_nanoseconds")))
        progress.clientsTrained = try counter("clients_trained")
        progress.examplesTrained = try counter("examples_trained")
        progress.records = Array(records.prefix(kept))
        progress.clippingNorm = file.metadata["clipping_norm"].flatMap(Double.init)
        guard let participants = clients(file.metadata["participants"] ?? "") else {
            throw ConfigurationError(
                path: path, problem: "damaged checkpoint (participants); run without --resume")
        }
        progress.participants = participants
        guard let attendance = AttendanceText.read(file.metadata, charged: progress.charged) else {
            throw ConfigurationError(
                path: path, problem: "damaged checkpoint (attendance); run without --resume")
        }
        progress.attendance = attendance
        progress.participation = try participation(file, published: progress.published, path: path)
        progress.finished = file.metadata["finished"].flatMap { FinishReason(rawValue: $0) }
        return progress
    }

    private static func participation(
        _ file: SafeTensors, published: Int, path: String
    ) throws -> [Int32] {
        guard let tensor = file.tensors.first(where: { $0.name == participationKey }) else { return [] }
        return try tensor.values.map { value in
            guard let rounds = Int32(exactly: value), rounds >= 0, rounds <= published else {
                throw ConfigurationError(
                    path: path, problem: "damaged checkpoint (participation); run without --resume")
            }
            return rounds
        }
    }

    /// The optimiser state of a model of `count` parameters; none is left out but that of no parameters.
    private static func optimizerState(
        _ file: SafeTensors, names: [String], count: Int, path: String
    ) throws -> OptimizerState {
        let kept = file.tensors.first { $0.name == OptimizerState.fileKey }
        let tensor = kept ?? SafeTensors.Tensor(name: OptimizerState.fileKey, shape: [0], values: [])
        guard let state = OptimizerState(tensor, metadata: file.metadata, names: names, count: count),
            state.values.count == names.count * count
        else {
            throw ConfigurationError(
                path: path, problem: "damaged checkpoint (optimiser state); run without --resume")
        }
        return state
    }

    /// A set of clients as base64 of one bit a client, the lowest bit of the first byte first.
    private static func bits(_ clients: Set<Int>) -> String {
        guard let greatest = clients.max() else { return "" }
        var bytes = [UInt8](repeating: 0, count: greatest / 8 + 1)
        for client in clients { bytes[client / 8] |= 1 << UInt8(client % 8) }
        return Data(bytes).base64EncodedString()
    }

    private static func clients(_ text: String) -> Set<Int>? {
        guard let bytes = Data(base64Encoded: text) else { return nil }
        var clients: Set<Int> = []
        for (place, byte) in bytes.enumerated() where byte != 0 {
            for bit in 0..<8 where byte >> UInt8(bit) & 1 == 1 { clients.insert(8 * place + bit) }
        }
        return clients
    }
}
