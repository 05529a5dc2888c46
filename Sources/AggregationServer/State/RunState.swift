internal import Ledger

/// `run.json`: the identity of a run and where it stood after its last concluded round.
struct RunState: Codable, Equatable, Sendable {
    /// Version of the form that this program writes. Version 1 had no ``ledger`` and none of what follows it.
    static let currentVersion = 2

    var version = Self.currentVersion
    /// 32 hexadecimal digits.
    var run: String
    var taskSHA256: String
    var seed: UInt64
    var population: Int
    /// Seconds since 1970.
    var created: Double
    /// Number of the last concluded round, published or abandoned.
    var round = 0
    var published = 0
    var charged = 0
    /// Number of the round that published the newest model; 0: the initial one.
    var modelRound = 0
    /// SHA-256 of the newest model's file.
    var modelSHA256: String
    var isPaused = false
    /// An operator asked to end after the open round.
    var isStopping = false
    /// Why the run ended; nil while it goes on.
    var finished: String?
    /// The ledger when this was written; nil in a file of version 1.
    var ledger: LedgerBinding?
    /// Agents that the registry had, and what ties it to their names in their order.
    var registry: Int?
    var registrySHA256: String?
    /// SHA-256 of what the strategy remembers with the newest model.
    var optimizerStateSHA256: String?
    /// SHA-256 of the key of noise in trees, where there is one.
    var treeNoiseSHA256: String?
    /// SHA-256 of the trained parameters that a checkpoint gave the initial model; nil where they were drawn.
    var startSHA256: String?
    /// Where this state came out of a backup and no round was released since: the greatest round number that the
    /// backed up server had used.
    var restoredThrough: Int?

    enum CodingKeys: String, CodingKey {
        case version, run, seed, population, created, round, published, charged, finished, ledger, registry
        case registrySHA256 = "registry_sha256"
        case optimizerStateSHA256 = "memory_sha256"
        case treeNoiseSHA256 = "tree_noise_sha256"
        case startSHA256 = "start_sha256"
        case restoredThrough = "restored_through"
        case taskSHA256 = "task_sha256"
        case modelRound = "model_round"
        case modelSHA256 = "model_sha256"
        case isPaused = "paused"
        case isStopping = "stopping"
    }
}

/// `rounds/NNNNNN.json`: one round from its invitation to its end.
struct RoundFile: Codable, Equatable, Sendable {
    /// How far the round has come. The file is durable before anybody learns of the state it names.
    enum State: String, Codable, Sendable {
        /// Agents are invited.
        case open
        /// The survivors are fixed; nobody else will be in the sum.
        case closed
        /// The new model is durable and in the ledger.
        case published
        /// Nothing was released.
        case abandoned
    }

    /// What an agent trains from that is not of a cohort.
    struct Beginning: Codable, Equatable, Sendable {
        /// The step that was open then: what its report is of.
        var round: Int
        /// Models that were published then.
        var version: Int
        /// Seconds since 1970.
        var at: Double
    }

    var run: String
    var round: Int
    var state: State
    /// Seconds since 1970.
    var opened: Double
    var deadline: Double
    /// When the round's model is shown, seconds since 1970, where that follows a schedule; nil: as soon as it exists.
    var publication: Double?
    /// Places in the roster. Secret where amplification by sampling is claimed.
    var invited: [Int]
    var survivors: [Int] = []
    /// SHA-256 of each report in the sum, by place in the roster.
    var reports: [String: String] = [:]
    /// Failures that agents reported, by reason.
    var failures: [String: Int] = [:]
    var noisySumSHA256: String?
    var modelSHA256: String?
    var accuracy: Double?
    var loss: Double?
    /// Errors on the server's hold-out in the unit of the data, and the share of variance explained; nil where classes are
    /// learnt.
    var mae: Double?
    var rmse: Double?
    var r2: Double?
    /// Noisy mean of the clients' numbers of examples, with a federated hold-out.
    var examplesPerClient: Double?
    var epsilon: Double?
    var epsilonServer: Double?
    /// Against other members of the cohorts.
    var epsilonMembers: Double?
    /// Of a single record, where clients train with per-example noise.
    var epsilonExample: Double?
    var seconds: Double = 0
    var evaluationSeconds: Double = 0
    var bytesUp = 0
    var bytesDown = 0
    var abandoned: String?
    /// Whether the ledger has a charge of the round; nil before it has ended, and in files of 0.1.0.
    var isCharged: Bool?
    /// Agents that were registered when the round was opened; nil in files of 0.1.0.
    var registered: Int?
    /// By place in the roster, of those who train or whose reports are in the buffer of an asynchronous task; nil where
    /// rounds have cohorts.
    var beginnings: [String: Beginning]?

    enum CodingKeys: String, CodingKey {
        case run, round, state, opened, deadline, publication, invited, survivors, reports, failures,
            accuracy, loss, mae, rmse, r2,
            epsilon, seconds, abandoned, registered, beginnings
        case isCharged = "charged"
        case examplesPerClient = "examples_per_client"
        case noisySumSHA256 = "noisy_sum_sha256"
        case modelSHA256 = "model_sha256"
        case epsilonServer = "epsilon_server"
        case epsilonMembers = "epsilon_members"
        case epsilonExample = "epsilon_example"
        case evaluationSeconds = "evaluation_seconds"
        case bytesUp = "bytes_up"
        case bytesDown = "bytes_down"
    }
}
