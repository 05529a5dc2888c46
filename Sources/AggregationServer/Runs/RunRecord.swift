internal import Configuration
internal import Cryptography
internal import Foundation
internal import Messages
internal import Notation
internal import Operations

/// `runs/RUN/submission.json`: one run from its submission to its end. What it has done stands beside it, in the state
/// directory that every run has.
struct RunRecord: Codable, Equatable, Sendable {
    /// How far the run has come.
    enum Phase: String, Codable, Sendable {
        /// It waits for its turn.
        case queued
        /// It is at work, or was when the process ended.
        case active
        /// It ended, and published models.
        case finished
        /// It ended without a model, or could not be begun.
        case failed
        /// Somebody ended it before its end.
        case cancelled
    }

    static let currentVersion = 1

    /// What of the submission decides when the run is at work; the submission itself lies beside the record.
    struct Wishes: Codable, Equatable, Sendable {
        /// Greater ones go first.
        var priority = 0
        /// Minutes of the day between which it is at work, two of them; nil: all day.
        var hours: [Int]?
        /// Seconds since 1970.
        var notBefore: Double?
        /// Rounds that were asked for.
        var rounds: Int?
        /// The run whose budget it goes on with.
        var continued: String?

        enum CodingKeys: String, CodingKey {
            case priority, hours, rounds, continued
            case notBefore = "not_before"
        }

        /// Those of a submission.
        init(_ request: RunRequest) {
            priority = request.priority
            hours = request.hours.map { [$0.from, $0.to] }
            notBefore = request.notBefore
            if case .integer(let planned)? = request.task["rounds"] { rounds = planned }
            continued = request.continued
        }

        /// The hours, as a span.
        var span: DailyHours? {
            guard let hours, hours.count == 2 else { return nil }
            return DailyHours(from: hours[0], to: hours[1])
        }
    }

    var version = Self.currentVersion
    /// The run's identity.
    var run: String
    var name: String
    /// Name of the token that submitted it.
    var submittedBy: String
    /// Seconds since 1970.
    var submitted: Double
    /// SHA-256 of the resolved task, as agents are given it.
    var taskSHA256: String
    /// SHA-256 of the submission's text.
    var requestSHA256: String
    var wishes: Wishes
    var phase = Phase.queued
    /// Why it failed, or who cancelled it.
    var reason: String?
    /// Seconds since 1970.
    var began: Double?
    var ended: Double?
    /// Somebody asked for its end.
    var isCancelled = false
    /// Its hours are over for today.
    var isResting = false
    /// It is not listed any more unless asked for.
    var isArchived = false
    /// The server's signature of the task, hexadecimal, as ``Messages/TaskList/Entry``.
    var signature: String

    enum CodingKeys: String, CodingKey {
        case version, run, name, submitted, wishes, phase, reason, began, ended, signature
        case submittedBy = "submitted_by"
        case taskSHA256 = "task_sha256"
        case requestSHA256 = "request_sha256"
        case isCancelled = "cancelled"
        case isResting = "resting"
        case isArchived = "archived"
    }

    /// Whether the run may still be at work some time.
    var isOpen: Bool { phase == .queued || phase == .active }

    /// What agents are told of it, in the state that the run's word says.
    func entry(state: String) -> TaskList.Entry {
        TaskList.Entry(
            run: run, name: name, taskSHA256: taskSHA256, state: state, submittedBy: submittedBy,
            submitted: submitted, signature: signature)
    }

    /// Whether a text can be a run's identity.
    static func isIdentity(_ text: String) -> Bool {
        Hexadecimal.bytes(of: text, count: AgentProtocol.runBytes) != nil
    }

    /// The more urgent first, then the older.
    static func goesBefore(_ first: RunRecord, _ second: RunRecord) -> Bool {
        (-first.wishes.priority, first.submitted, first.run)
            < (-second.wishes.priority, second.submitted, second.run)
    }

    // MARK: Files

    private static let fileName = "submission.json"
    private static let requestName = "request.json"
    /// The task as agents are told it while the run waits.
    static let offerName = "offer.json"
    /// The model that a run starts from, in its folder.
    static let startName = "start.safetensors"
    /// What a run's folder has beside a state directory's files.
    static let files = [fileName, requestName, offerName, startName]

    /// Whether a folder is a service's, with runs in it.
    static func isHome(_ folder: String) throws -> Bool { try !all(in: "\(folder)/runs").isEmpty }

    /// Longest submission that is read back.
    private static let requestLimit = 16 << 20

    /// What was asked for. Throws a storage `Failure` where it is not there, or not what was accepted.
    func request(in folder: String) throws -> RunRequest {
        let path = "\(folder)/\(Self.requestName)"
        guard let bytes = try StoredFile.bytes(at: path, limit: Self.requestLimit, followsLinks: false),
            try SHA256.text(of: bytes) == requestSHA256,
            let request = try? RunRequest(JSONValue(json5: bytes, source: path))
        else { throw StateDirectory.damaged(path) }
        return request
    }

    /// Writes what was asked for durably into the run's folder, which is made where missing; the record follows.
    static func write(request text: [UInt8], to folder: String) throws {
        let file = try OutputDirectory(folder, mode: 0o700).file(requestName)
        try AtomicFile.write(text, to: file, mode: 0o600)
    }

    /// Writes the record durably into the run's folder, which is made where missing.
    func write(to folder: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        let file = try OutputDirectory(folder, mode: 0o700).file(Self.fileName)
        try AtomicFile.write(Array(try encoder.encode(self)) + [0x0A], to: file, mode: 0o600)
    }

    /// The records of all runs below `folder`, by their identities. Throws a storage `Failure` for one that is damaged, or
    /// a folder of a run's name without one.
    static func all(in folder: String) throws -> [String: RunRecord] {
        guard FileManager.default.fileExists(atPath: folder) else { return [:] }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            throw Failure(.storage, "cannot read \(folder); check its permissions and the device")
        }
        var records: [String: RunRecord] = [:]
        for name in names where isIdentity(name) { records[name] = try read(name, in: folder) }
        return records
    }

    private static func read(_ name: String, in folder: String) throws -> RunRecord? {
        let path = "\(folder)/\(name)/\(fileName)"
        guard let bytes = try StoredFile.bytes(at: path, limit: 16 << 20, followsLinks: false) else {
            // A submission that was killed before its record was there was never accepted.
            let files = try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(name)")
            let early: Set = [requestName, offerName, startName]
            if files?.allSatisfy({ $0.hasPrefix(".") || early.contains($0) }) ?? true { return nil }
            throw Failure(
                .storage,
                "\(path): missing, though its run is there; restore it from a backup, or move the folder away"
            )
        }
        struct Form: Decodable { let version: Int }
        guard let form = try? JSONDecoder().decode(Form.self, from: Data(bytes)) else {
            throw StateDirectory.damaged(path)
        }
        guard form.version <= currentVersion else {
            throw Failure(
                .storage,
                "\(path): is of version \(form.version), this program knows up to \(currentVersion); use the newer program"
                    + " that wrote it")
        }
        guard let record = try? JSONDecoder().decode(RunRecord.self, from: Data(bytes)), record.run == name,
            record.submitted.isFinite
        else { throw StateDirectory.damaged(path) }
        return record
    }
}
