// What the admin API answers. Names become snake_case on the way out, such as `task_sha256`.

/// `GET /api/status`.
struct StatusView: Encodable, Sendable {
    struct OpenRound: Encodable, Sendable {
        var round: Int
        /// The engine's phase.
        var stage: String
        var invited: Int
        var reported: Int
        var gaveUp: Int
        /// Seconds since 1970.
        var deadline: Double
    }

    var run: String
    var task: String
    var taskSHA256: String
    /// `active`, `stalled`, `paused` or `finished`.
    var state: String
    /// Why nothing is published, or nothing good; nil where all is well.
    var trouble: String?
    /// Since when the run is stalled and when it tries again, seconds since 1970.
    var stalledSince: Double?
    var nextAttempt: Double?
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
    /// Errors of the last evaluation in the unit of the data, and the share of variance explained; nil where classes are
    /// learnt.
    var mae: Double?
    var rmse: Double?
    var r2: Double?
    var epsilon: Double?
    var epsilonServer: Double?
    var epsilonMembers: Double?
    /// ε of a single record after all rounds so far, where clients train with per-example noise.
    var epsilonExample: Double?
    var targetEpsilon: Double?
    var delta: Double?
    var adjacency: String?
    var privacyMode: String
    var agentsKnown: Int
    var agentsPresent: Int
    var checkInsHeld: Int
    var modelSHA256: String
    var healthy: Bool
    /// What of the server's expires, soon or not.
    var expiries: [ExpiryView]
    var version: String
}

/// One of `GET /api/rounds`. Who was invited is not told: where amplification is claimed it is a secret.
struct RoundView: Encodable, Sendable {
    var round: Int
    var state: String
    var accuracy: Double?
    var loss: Double?
    var mae: Double?
    var rmse: Double?
    var r2: Double?
    var epsilon: Double?
    var epsilonServer: Double?
    var epsilonMembers: Double?
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
        (mae, rmse, r2) = (file.mae, file.rmse, file.r2)
        epsilon = file.epsilon
        epsilonServer = file.epsilonServer
        epsilonMembers = file.epsilonMembers
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
}

/// One of `GET /api/agents`.
struct AgentView: Encodable, Sendable {
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
}

/// `GET /api/ledger`.
struct LedgerView: Encodable, Sendable {
    var lines: Int
    /// Hash of the last line: an anchor to keep elsewhere.
    var head: String
    var roundsCharged: Int
}

/// One of `GET /api/models`.
struct ModelView: Encodable, Sendable {
    /// The round that published it; 0: the initial model.
    var round: Int
    /// Where the file can be downloaded.
    var path: String
    /// Length of the file; nil when it has just been removed.
    var bytes: Int?
}
