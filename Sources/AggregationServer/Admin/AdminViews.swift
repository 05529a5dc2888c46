/// `GET /api/status`.
struct StatusView: Codable, Sendable {
    struct OpenRound: Codable, Sendable {
        var round: Int
        /// The engine's phase.
        var stage: String
        var invited: Int
        var reported: Int
        var gaveUp: Int
        /// Seconds since 1970.
        var deadline: Double

        enum CodingKeys: String, CodingKey {
            case round, stage, invited, reported, deadline
            case gaveUp = "gave_up"
        }
    }

    var run: String
    var task: String
    var taskSHA256: String
    /// `active`, `paused` or `finished`.
    var state: String
    var finished: String?
    var stopping: Bool
    /// Reports that a round wants, and those that it needs.
    var cohortSize: Int
    var minimumReports: Int
    var roundsPlanned: Int
    var roundsPublished: Int
    var lastRound: Int
    var open: OpenRound?
    var accuracy: Double?
    var loss: Double?
    var epsilon: Double?
    var epsilonServer: Double?
    var targetEpsilon: Double?
    var delta: Double?
    var adjacency: String?
    var privacyMode: String
    var agentsKnown: Int
    var agentsPresent: Int
    var checkInsHeld: Int
    var modelSHA256: String
    var healthy: Bool
    var version: String

    enum CodingKeys: String, CodingKey {
        case run, task, state, finished, stopping, open, accuracy, loss, epsilon, delta, adjacency, healthy,
            version
        case taskSHA256 = "task_sha256"
        case cohortSize = "cohort_size"
        case minimumReports = "minimum_reports"
        case roundsPlanned = "rounds_planned"
        case roundsPublished = "rounds_published"
        case lastRound = "last_round"
        case epsilonServer = "epsilon_server"
        case targetEpsilon = "target_epsilon"
        case privacyMode = "privacy_mode"
        case agentsKnown = "agents_known"
        case agentsPresent = "agents_present"
        case checkInsHeld = "check_ins_held"
        case modelSHA256 = "model_sha256"
    }
}

/// One of `GET /api/rounds`. Who was invited is not told: where amplification is claimed it is a secret.
struct RoundView: Codable, Sendable {
    var round: Int
    var state: String
    var accuracy: Double?
    var loss: Double?
    var epsilon: Double?
    var epsilonServer: Double?
    var clientsSelected: Int
    var clientsReported: Int
    var failures: [String: Int]
    var seconds: Double
    var evaluationSeconds: Double
    var bytesUp: Int
    var bytesDown: Int
    var opened: Double
    var modelSHA256: String?
    var abandoned: String?

    init(_ file: RoundFile) {
        round = file.round
        state = file.state.rawValue
        accuracy = file.accuracy
        loss = file.loss
        epsilon = file.epsilon
        epsilonServer = file.epsilonServer
        clientsSelected = file.invited.count
        clientsReported = file.reports.count
        failures = file.failures
        seconds = file.seconds
        evaluationSeconds = file.evaluationSeconds
        bytesUp = file.bytesUp
        bytesDown = file.bytesDown
        opened = file.opened
        modelSHA256 = file.modelSHA256
        abandoned = file.abandoned
    }

    enum CodingKeys: String, CodingKey {
        case round, state, accuracy, loss, epsilon, failures, seconds, opened, abandoned
        case epsilonServer = "epsilon_server"
        case clientsSelected = "clients_selected"
        case clientsReported = "clients_reported"
        case evaluationSeconds = "evaluation_seconds"
        case bytesUp = "bytes_up"
        case bytesDown = "bytes_down"
        case modelSHA256 = "model_sha256"
    }
}

/// One of `GET /api/agents`.
struct AgentView: Codable, Sendable {
    /// Place in the roster.
    var id: Int
    var name: String
    var software: String?
    var fingerprint: String?
    var certificateExpires: Int64?
    var lastSeen: Double?
    var reports: Int
    var failures: Int
    var lastOutcome: String?
    var revoked: Bool

    init(_ record: AgentRecord, _ activity: AgentActivity) {
        id = record.client
        name = record.name
        software = record.software
        fingerprint = record.fingerprint
        certificateExpires = record.certificateExpires
        lastSeen = activity.lastSeen
        reports = activity.reports
        failures = activity.failures
        lastOutcome = activity.lastOutcome
        revoked = record.isRevoked
    }

    enum CodingKeys: String, CodingKey {
        case id, name, software, fingerprint, reports, failures, revoked
        case certificateExpires = "certificate_expires"
        case lastSeen = "last_seen"
        case lastOutcome = "last_outcome"
    }
}

/// `GET /api/ledger`.
struct LedgerView: Codable, Sendable {
    var lines: Int
    /// Hash of the last line: an anchor to keep elsewhere.
    var head: String
    var roundsCharged: Int

    enum CodingKeys: String, CodingKey {
        case lines, head
        case roundsCharged = "rounds_charged"
    }
}

/// One of `GET /api/models`.
struct ModelView: Codable, Sendable {
    /// The round that published it; 0: the initial model.
    var round: Int
    /// Where the file can be downloaded.
    var path: String
    /// Length of the file; nil when it has just been removed.
    var bytes: Int?
}
