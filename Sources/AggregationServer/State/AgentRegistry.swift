internal import Cryptography
internal import Foundation
internal import Messages
internal import Notation
internal import Operations

/// One agent as the server knows it.
struct AgentRecord: Codable, Equatable, Sendable {
    /// Name in its certificate.
    var name: String
    /// Place in the roster, from 0; never given to another name.
    var client: Int
    /// Seconds since 1970 of the first check-in.
    var registered: Double
    /// SHA-256 of the last certificate seen.
    var fingerprint: String?
    var software: String?
    /// End of the certificate's validity, seconds since 1970.
    var certificateExpires: Int64?
    /// An operator has shut the agent out.
    var isRevoked = false

    enum CodingKeys: String, CodingKey {
        case name, client, registered, fingerprint, software
        case certificateExpires = "certificate_expires"
        case isRevoked = "revoked"
    }
}

/// What is known of an agent since the process started.
struct AgentActivity: Sendable {
    var lastSeen: Double?
    var reports = 0
    var failures = 0
    var lastOutcome: String?
}

/// `agents.jsonl`: places in the roster by name, appended durably; the last line of a name counts.
struct AgentRegistry {
    private(set) var records: [AgentRecord] = []
    var activity: [AgentActivity] = []
    private var places: [String: Int] = [:]
    private let file: AppendOnlyFile
    private let capacity: Int
    private let isClosed: Bool
    /// SHA-256 over the one before and a further name: ties places to names.
    private var chain: [[UInt8]] = []

    /// Opens the file. With a roster, its names have their places and nobody else is let in. `run` says what it must
    /// hold at least. Throws a storage `Failure` where it does not, or is damaged.
    init(path: String, capacity: Int, roster: [String]?, now: Double, run: RunState? = nil) throws {
        self.capacity = capacity
        isClosed = roster != nil
        let bytes = try StoredFile.bytes(at: path) ?? []
        // A line torn by a crash was never acted on.
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast()
        let byClient = try Self.read(lines, path: path)
        if let last = bytes.last, last != 0x0A {
            try AtomicFile.write(lines.flatMap { $0 + [0x0A] }, to: path, mode: 0o600)
        }
        file = try AppendOnlyFile(path: path)
        if let roster {
            for (client, record) in byClient where client >= roster.count || roster[client] != record.name {
                throw Failure(.invalidInput, "server.roster: client \(client) was \(record.name) in this run")
            }
            for (client, name) in roster.enumerated() {
                try add(byClient[client] ?? AgentRecord(name: name, client: client, registered: now))
            }
        } else {
            for client in byClient.keys.sorted() {
                guard client == records.count, client < capacity, let record = byClient[client] else {
                    throw Failure(
                        .storage, "\(path): lacks client \(records.count); restore it from a backup")
                }
                try add(record)
            }
        }
        if let run { try check(run, path: path) }
    }

    /// The last record of each client, in any order.
    private static func read(_ lines: some Sequence<ArraySlice<UInt8>>, path: String) throws -> [Int:
        AgentRecord]
    {
        var byClient: [Int: AgentRecord] = [:]
        var places: [String: Int] = [:]
        for line in lines {
            guard let record = try? JSONDecoder().decode(AgentRecord.self, from: Data(line)),
                record.client >= 0, record.registered.isFinite,
                byClient[record.client].map({ $0.name == record.name }) ?? true,
                places[record.name] ?? record.client == record.client
            else { throw StateDirectory.damaged(path) }
            byClient[record.client] = record
            places[record.name] = record.client
        }
        return byClient
    }

    /// Rounds name clients by their places: nobody may be given one that had another name.
    private func check(_ run: RunState, path: String) throws {
        let known = run.registry ?? 0
        guard records.count >= known, run.registrySHA256 ?? digest(of: known) == digest(of: known) else {
            let there = records.count < known ? "has \(records.count) agents" : "has other agents"
            throw Failure(
                .storage,
                "\(path): \(there), run.json remembers \(known); restore it from a backup, or name the agents in the "
                    + "order of their places in server.roster")
        }
    }

    /// What ties the first `count` names to their places, hexadecimal.
    func digest(of count: Int) -> String {
        Hexadecimal.text(of: count == 0 ? [] : chain[count - 1])
    }

    /// Place of a name.
    func client(named name: String) -> Int? { places[name] }

    /// Why a name gets no place.
    enum Refusal: String, Error {
        case notInRoster = "not_in_roster"
        case full = "population_full"
    }

    /// The place of a name, which is given one, durably, where it has none.
    mutating func enroll(_ name: String, now: Double) throws -> Int {
        if let client = places[name] { return client }
        guard !isClosed else { throw Refusal.notInRoster }
        guard records.count < capacity else { throw Refusal.full }
        let record = AgentRecord(name: name, client: records.count, registered: now)
        try persist(record)
        try add(record)
        return record.client
    }

    /// Changes a record, durably, if `change` changes it.
    mutating func update(_ client: Int, _ change: (inout AgentRecord) -> Void) throws {
        guard records.indices.contains(client) else { return }
        var record = records[client]
        change(&record)
        guard record != records[client] else { return }
        try persist(record)
        records[client] = record
    }

    private mutating func add(_ record: AgentRecord) throws {
        chain.append(try SHA256.hash((chain.last ?? []) + Array(record.name.utf8)))
        places[record.name] = record.client
        records.append(record)
        activity.append(AgentActivity())
    }

    private func persist(_ record: AgentRecord) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try file.appendLine(String(decoding: try encoder.encode(record), as: UTF8.self))
    }
}
