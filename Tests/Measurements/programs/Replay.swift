internal import AggregationServer
internal import ClientAgent
internal import Compute
internal import Configuration
internal import Cryptography
internal import Encoding
internal import Federation
internal import Foundation
internal import Learning
internal import Messages
internal import Operations
internal import Transport

/// Computes every round of a finished run again, from the models that were published and the clients' own data, and
/// holds the result against what the server kept:
///
/// - each report of each round has the bytes that its client must send, so none is forged or mixed up;
/// - without noise, the sum of exactly the survivors' reports gives the published model bit for bit, so that each
///   was counted once;
/// - every report that an agent was told is accepted is among its round's reports, so that none was lost;
/// - the ledger charges and settles every published round once, with as many survivors.
struct Replay {
    /// `rounds/NNNNNN.json`, as far as it matters here.
    private struct RoundFile: Decodable {
        var run: String
        var round: Int
        var state: String
        var survivors: [Int]
        var reports: [String: String]
    }

    /// A line of the ledger, as far as it matters here.
    private struct LedgerLine: Decodable {
        var kind: String
        var round: Int?
        var survivors: Int?
    }

    private let configuration: ServerConfiguration
    private let setup: ServerSetup
    private let delivered: String
    private let trainers: [BuiltInTrainer]

    /// `SERVER.json5 DELIVERED SCHEMA SHARD …`: the server's file, a file with a line `CLIENT ROUND` for each
    /// delivered report, the data section without its path, and the clients' data in the order of the roster.
    init(_ arguments: [String]) throws {
        guard arguments.count > 3 else {
            throw Failure(.usage, "usage: sordino-measure replay SERVER.json5 DELIVERED SCHEMA SHARD …")
        }
        configuration = try ServerConfiguration(ConfigurationDocument(contentsOf: arguments[0]))
        setup = try ServerSetup(configuration)
        delivered = try String(contentsOfFile: arguments[1], encoding: .utf8)
        trainers = try arguments.dropFirst(3).map { shard in
            let section = try JSONValue(
                json5: "{ path: \"\(shard)\", \(arguments[2]) }".utf8, source: "schema")
            return try BuiltInTrainer(data: section, folder: ".")
        }
    }

    /// Throws at the first thing that is not right; prints what was found otherwise.
    func run() throws {
        let rounds = try roundFiles()
        var (previous, published, reports) = (0, 0, 0)
        for file in rounds {
            guard Set(file.survivors).count == file.survivors.count else {
                throw Failure(.internalFault, "round \(file.round) names a survivor twice")
            }
            guard file.state == "published" else { continue }
            try check(file, after: previous)
            previous = file.round
            published += 1
            reports += file.survivors.count
        }
        let receipts = try checkReceipts(rounds)
        try checkLedger(rounds.filter { $0.state == "published" })
        let model =
            switch setup.plan.configuration.privacy.mode {
            case .none: "every model is the sum's, bit for bit"
            case .central: "every report is its client's, noise is in the models"
            case .local, .distributed: "their bytes are known to their clients alone"
            }
        print(
            "\(rounds.count) rounds, \(published) published with \(reports) reports, each counted once; \(model); "
                + "\(receipts) receipts of agents, none lost")
    }

    private func roundFiles() throws -> [RoundFile] {
        let folder = configuration.stateDirectory + "/rounds"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            $0.hasSuffix(".json")
        }
        return try names.sorted().map { name in
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))
            return try JSONDecoder().decode(RoundFile.self, from: data)
        }.sorted { $0.round < $1.round }
    }

    private func modelPath(_ round: Int) -> String {
        configuration.stateDirectory + String(format: "/models/%06d.safetensors", round)
    }

    private func check(_ file: RoundFile, after previous: Int) throws {
        let plan = setup.plan
        guard Set(file.reports.keys) == Set(file.survivors.map(String.init)) else {
            throw Failure(.internalFault, "round \(file.round): reports and survivors differ")
        }
        // What clients have noised or masked nobody can compute again.
        let mode = plan.configuration.privacy.mode
        guard mode == .none || mode == .central else { return }
        let before = try SharedBuffer(mappingFileAt: modelPath(previous))
        var sum = Aggregation(count: plan.report.count, bits: plan.codec.bits)
        var start: ParameterVector?
        for client in file.survivors {
            let message = RoundOffer(
                run: file.run, round: file.round, client: client, seed: configuration.seed,
                population: configuration.population, task: setup.taskText, taskSHA256: setup.taskDigest,
                model: .init(round: previous, sha256: "", bytes: before.count), privacy: nil,
                report: ReportShape(
                    count: plan.report.count, bits: plan.codec.bits, scale: plan.codec.scale),
                deadlineSeconds: 0)
            let work = try RoundWork(message, task: AssignedTask(message), model: before)
            let body = try work.report(by: trainers[client]).body
            guard try SHA256.text(of: body) == file.reports[String(client)] else {
                throw Failure(.internalFault, "round \(file.round): client \(client) reported other bytes")
            }
            try body.withUnsafeBytes { bytes in
                let header = try UpdateHeader(decoding: bytes)
                let vector = UnsafeRawBufferPointer(rebasing: bytes[UpdateHeader.byteCount...])
                if header.values == .floats {
                    sum.add(
                        floats: vector, factor: plan.codec.scale * Double(header.weight),
                        weight: header.weight)
                } else if !sum.add(packed: vector, weight: header.weight) {
                    throw Failure(.internalFault, "a report cannot be unpacked")
                }
            }
            start = work.model
        }
        guard plan.privacy == nil, let start else { return }
        var model = try GlobalModel(parameters: start, plan: plan)
        model.apply(noisySum: sum.sum, weight: sum.weight)
        let path = modelPath(file.round)
        let bytes = try SharedBuffer(mappingFileAt: path)
        let after = try ModelFile.parameters(
            SafeTensors(decoding: bytes.bytes).tensors, layout: plan.model.layout, path: path)
        guard model.parameters.values.map(\.bitPattern) == after.values.map(\.bitPattern) else {
            throw Failure(.internalFault, "round \(file.round): the model is not the sum of its reports")
        }
    }

    /// Returns the number of receipts.
    private func checkReceipts(_ rounds: [RoundFile]) throws -> Int {
        let files = Dictionary(uniqueKeysWithValues: rounds.map { ($0.round, $0) })
        var count = 0
        for line in delivered.split(separator: "\n") {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let round = Int(parts[1]) else {
                throw Failure(.invalidInput, "\"\(line)\" is no receipt")
            }
            guard files[round]?.reports[String(parts[0])] != nil else {
                throw Failure(.internalFault, "round \(round) lost the report of client \(parts[0])")
            }
            count += 1
        }
        return count
    }

    private func checkLedger(_ published: [RoundFile]) throws {
        let path = configuration.stateDirectory + "/ledger.jsonl"
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
            try JSONDecoder().decode(LedgerLine.self, from: Data($0.utf8))
        }
        for kind in ["charge", "settle", "release"] {
            let numbers = lines.filter { $0.kind == kind }.compactMap(\.round)
            guard Set(numbers).count == numbers.count, Set(numbers).isSuperset(of: published.map(\.round))
            else {
                throw Failure(.internalFault, "the ledger has not one \(kind) for each published round")
            }
        }
        let settled = Dictionary(
            uniqueKeysWithValues: lines.filter { $0.kind == "settle" }.map { ($0.round ?? 0, $0.survivors) })
        for file in published where settled[file.round] != file.survivors.count {
            throw Failure(.internalFault, "the ledger settles round \(file.round) with other survivors")
        }
    }
}
