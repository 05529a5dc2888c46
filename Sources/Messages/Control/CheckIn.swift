/// An agent asks for work: the body of `POST /v1/check-in`.
package struct CheckInRequest: ControlMessage {
    /// Version of the protocol, ``AgentProtocol/version``.
    package var protocolVersion: Int
    /// Run that the agent served last; a server of another run answers 409 unless the agent may change.
    package var run: String?
    /// Whether the agent takes part in another run than `run`.
    package var acceptsOtherRun: Bool
    /// Version of the agent's software, for the operator.
    package var software: String
    /// Seconds that the server may hold the request before it answers 204, 0 to 60.
    package var waitSeconds: Int
    /// Greatest round of `run` that the agent has concluded; it is not asked to serve it again.
    package var lastRound: Int
    /// The same of other runs that the agent served, by their identities; absent from agents that serve one run at a time.
    package var served: [String: Int]?
    /// Runs that the agent takes no part in, because its owner has not approved them or they do not suit it; absent from
    /// agents that judge a run by its rounds alone.
    package var declines: [String]?

    /// Most runs that a check-in names in ``served``, and in ``declines``.
    package static let mostRuns = 64

    package init(
        run: String? = nil, acceptsOtherRun: Bool = true, software: String, waitSeconds: Int = 30,
        lastRound: Int = 0, served: [String: Int]? = nil, declines: [String]? = nil
    ) {
        protocolVersion = AgentProtocol.version
        self.run = run
        self.acceptsOtherRun = acceptsOtherRun
        self.software = software
        self.waitSeconds = waitSeconds
        self.lastRound = lastRound
        self.served = served
        self.declines = declines
    }

    /// Greatest round of a run that the agent says it has concluded; 0 for none.
    package func lastRound(of run: String) -> Int {
        max(run == self.run ? lastRound : 0, served?[run] ?? 0)
    }

    package static let byteLimit = 8 << 10

    package func validate() throws(MessageError) {
        try require(protocolVersion, in: 1...1_000_000, "protocol")
        if let run { try requireHexadecimal(run, "run", bytes: AgentProtocol.runBytes) }
        try requireLine(software, "software", limit: 64)
        try require(waitSeconds, in: 0...AgentProtocol.longestWaitSeconds, "wait_seconds")
        try require(lastRound, in: 0...Int(Int32.max), "last_round")
        try require(served?.count ?? 0, in: 0...Self.mostRuns, "the number of runs in served")
        for (run, round) in served ?? [:] {
            try requireHexadecimal(run, "served", bytes: AgentProtocol.runBytes)
            try require(round, in: 0...Int(Int32.max), "served")
        }
        try require(declines?.count ?? 0, in: 0...Self.mostRuns, "the number of runs in declines")
        for run in declines ?? [] { try requireHexadecimal(run, "declines", bytes: AgentProtocol.runBytes) }
    }

    private enum CodingKeys: String, CodingKey {
        case run, software, served, declines
        case protocolVersion = "protocol"
        case acceptsOtherRun = "accepts_other_run"
        case waitSeconds = "wait_seconds"
        case lastRound = "last_round"
    }
}

/// The assignment that answers a check-in: everything that an agent needs to judge and to serve one round.
package struct RoundOffer: ControlMessage {
    /// The model to train from, under ``AgentProtocol/RunPaths/model(round:)`` of the reference's own `round`.
    package struct ModelReference: Codable, Equatable, Sendable {
        /// The round that published it, before the plan's round; 0: the initial model.
        package var round: Int
        /// SHA-256 of the file, lower-case hexadecimal.
        package var sha256: String
        /// `ETag` of the download, with its quotes.
        package var entityTag: String
        /// Length of the file.
        package var bytes: Int

        package init(round: Int, sha256: String, bytes: Int) {
            self.round = round
            self.sha256 = sha256
            entityTag = "\"\(sha256)\""
            self.bytes = bytes
        }

        private enum CodingKeys: String, CodingKey {
            case round, sha256, bytes
            case entityTag = "etag"
        }
    }

    /// A file that goes with the model.
    package struct StateReference: Codable, Equatable, Sendable {
        /// SHA-256 of the file, lower-case hexadecimal.
        package var sha256: String
        /// Length of the file.
        package var bytes: Int

        package init(sha256: String, bytes: Int) { (self.sha256, self.bytes) = (sha256, bytes) }
    }

    /// How far the server's privacy ledger was when it said so: what an agent can hold later ones against.
    package struct LedgerReference: Codable, Equatable, Sendable {
        /// Number of its lines.
        package var lines: Int
        /// Hash of the last one, 64 lower-case hexadecimal digits; of no line, 64 zeros.
        package var head: String

        package init(lines: Int, head: String) { (self.lines, self.head) = (lines, head) }
    }

    package var protocolVersion: Int
    /// Identity of the run, 32 hexadecimal digits.
    package var run: String
    /// Number of the round, from 1.
    package var round: Int
    /// The agent's place in the roster, from 0; keys its seeded draws as a simulated client's.
    package var client: Int
    /// Seed of data order, drop-out masks and stochastic rounding; never of noise.
    package var seed: UInt64
    /// Number of clients that the task is planned for.
    package var population: Int
    /// The resolved `task` section as JSON text; its exact bytes are what `task_sha256` hashes.
    package var task: String
    /// SHA-256 of `task` in UTF-8, lower-case hexadecimal: what a policy may pin.
    package var taskSHA256: String
    /// SHA-256 of the canonical JSON text of the schema that the model carries: what columns and classes mean. Absent
    /// from servers of version 0.1.0.
    package var schemaSHA256: String?
    package var model: ModelReference
    /// What the server's rule remembers with that model, under ``AgentProtocol/RunPaths/modelState(round:)`` of the model's
    /// round; absent where the strategy does not publish it.
    package var state: StateReference?
    /// What the server says of the privacy of the round; absent under `mode: "none"`.
    package var privacy: PrivacyFacts?
    /// The vector that is to be sent.
    package var report: ReportShape
    /// The server's ledger as its books have it; absent from servers of version 0.1.0.
    package var ledger: LedgerReference?
    /// Whether the run's own paths, ``AgentProtocol/RunPaths``, are answered; absent from servers of one run only.
    package var hasRunPaths: Bool?
    /// Seconds from now to the round's deadline.
    package var deadlineSeconds: Double

    package init(
        run: String, round: Int, client: Int, seed: UInt64, population: Int, task: String,
        taskSHA256: String, schemaSHA256: String? = nil, model: ModelReference,
        state: StateReference? = nil, privacy: PrivacyFacts?,
        report: ReportShape, ledger: LedgerReference? = nil, hasRunPaths: Bool? = nil,
        deadlineSeconds: Double
    ) {
        protocolVersion = AgentProtocol.version
        self.run = run
        self.round = round
        self.client = client
        self.seed = seed
        self.population = population
        self.task = task
        self.taskSHA256 = taskSHA256
        self.schemaSHA256 = schemaSHA256
        self.model = model
        self.state = state
        self.privacy = privacy
        self.report = report
        self.ledger = ledger
        self.hasRunPaths = hasRunPaths
        self.deadlineSeconds = deadlineSeconds
    }

    package static let byteLimit = 256 << 10

    package func validate() throws(MessageError) {
        try require(protocolVersion, in: 1...1_000_000, "protocol")
        try requireHexadecimal(run, "run", bytes: AgentProtocol.runBytes)
        try require(round, in: 1...Int(Int32.max), "round")
        try require(client, in: 0...Int(Int32.max), "client")
        try require(population, in: 1...Int(Int32.max), "population")
        try require(seed, in: 0...UInt64(Int64.max), "seed")
        try requireHexadecimal(taskSHA256, "task_sha256", bytes: 32)
        if let schemaSHA256 { try requireHexadecimal(schemaSHA256, "schema_sha256", bytes: 32) }
        try requireHexadecimal(model.sha256, "model.sha256", bytes: 32)
        try require(model.round, in: 0...(round - 1), "model.round")
        try requireLine(model.entityTag, "model.etag", limit: 80)
        try require(model.bytes, in: 8...(1 << 36), "model.bytes")
        if let state {
            try requireHexadecimal(state.sha256, "state.sha256", bytes: 32)
            try require(state.bytes, in: 8...(1 << 36), "state.bytes")
        }
        if let ledger {
            try require(ledger.lines, in: 0...Int(Int32.max), "ledger.lines")
            try requireHexadecimal(ledger.head, "ledger.head", bytes: 32)
        }
        try require(deadlineSeconds, in: 0...1e9, "deadline_seconds")
        try report.validate(self)
        try privacy?.validate(self)
    }

    private enum CodingKeys: String, CodingKey {
        case run, round, client, seed, population, task, model, state, privacy, report, ledger
        case protocolVersion = "protocol"
        case taskSHA256 = "task_sha256"
        case schemaSHA256 = "schema_sha256"
        case hasRunPaths = "run_paths"
        case deadlineSeconds = "deadline_seconds"
    }
}

/// The vector of a report: coordinates, bits of a coordinate's ring, and grid points a unit.
package struct ReportShape: Codable, Equatable, Sendable {
    /// Number of coordinates.
    package var count: Int
    /// Logarithm of the ring's modulus: 8 to 32, or 64.
    package var bits: Int
    /// Grid points a unit of the model.
    package var scale: Double

    package init(count: Int, bits: Int, scale: Double) {
        self.count = count
        self.bits = bits
        self.scale = scale
    }

    /// Bytes of the packed vector, without the header.
    package var packedBytes: Int { (count * bits + 7) / 8 }

    fileprivate func validate(_ plan: RoundOffer) throws(MessageError) {
        try plan.require(count, in: 1...(1 << 33), "report.count")
        guard (8...32).contains(bits) || bits == 64 else {
            throw MessageError("RoundOffer: report.bits must be from 8 to 32, or 64")
        }
        guard scale.isFinite, scale > 0 else {
            throw MessageError("RoundOffer: report.scale must be above 0")
        }
    }
}

/// What an agent's policy holds against its limits: the privacy of one round as the server states it.
package struct PrivacyFacts: Codable, Equatable, Sendable {
    /// `central`, `local` or `distributed`: who adds the noise.
    package var mode: String
    /// L2 bound of one update, in model units.
    package var clippingNorm: Double
    /// Standard deviation of the noise in the sum divided by the sensitivity under `adjacency`.
    package var noiseMultiplier: Double
    /// `add-or-remove-one`, `replace-one` or `zero-out`.
    package var adjacency: String
    /// Catalog name of the mechanism.
    package var mechanism: String
    /// `none`, `poisson` or `fixed-size`: the sampling that the accountant assumes.
    package var sampling: String
    package var targetDelta: Double
    /// Budget of the released models; absent: no stop.
    package var targetEpsilon: Double?
    /// ε of one round against whoever sees the released models, as the server computes it.
    package var roundEpsilon: Double
    /// ε of one round against the server; absent: unbounded.
    package var roundServerEpsilon: Double?
    /// L2 bound of one encoded update in grid units, rounding included.
    package var encodedNorm: Double
    /// Fewest reports that the server releases.
    package var minimumReports: Int
    /// Reports that the round is planned for.
    package var cohortSize: Int

    package init(
        mode: String, clippingNorm: Double, noiseMultiplier: Double, adjacency: String, mechanism: String,
        sampling: String, targetDelta: Double, targetEpsilon: Double?, roundEpsilon: Double,
        roundServerEpsilon: Double?, encodedNorm: Double, minimumReports: Int, cohortSize: Int
    ) {
        self.mode = mode
        self.clippingNorm = clippingNorm
        self.noiseMultiplier = noiseMultiplier
        self.adjacency = adjacency
        self.mechanism = mechanism
        self.sampling = sampling
        self.targetDelta = targetDelta
        self.targetEpsilon = targetEpsilon
        self.roundEpsilon = roundEpsilon
        self.roundServerEpsilon = roundServerEpsilon
        self.encodedNorm = encodedNorm
        self.minimumReports = minimumReports
        self.cohortSize = cohortSize
    }

    fileprivate func validate(_ plan: RoundOffer) throws(MessageError) {
        for (value, name) in [
            (mode, "mode"), (adjacency, "adjacency"), (mechanism, "mechanism"), (sampling, "sampling"),
        ] { try plan.requireLine(value, "privacy.\(name)", limit: 40) }
        for (value, name) in [
            (clippingNorm, "clipping_norm"), (noiseMultiplier, "noise_multiplier"),
            (encodedNorm, "encoded_norm"), (targetDelta, "target_delta"),
        ] {
            guard value.isFinite, value > 0 else {
                throw MessageError("RoundOffer: privacy.\(name) must be above 0")
            }
        }
        for value in [targetEpsilon, roundEpsilon, roundServerEpsilon].compactMap(\.self) {
            guard value.isFinite, value >= 0 else {
                throw MessageError("RoundOffer: an epsilon is not a number")
            }
        }
        try plan.require(minimumReports, in: 0...Int(Int32.max), "privacy.minimum_reports")
        try plan.require(cohortSize, in: 1...Int(Int32.max), "privacy.cohort_size")
    }

    private enum CodingKeys: String, CodingKey {
        case mode, adjacency, mechanism, sampling
        case clippingNorm = "clipping_norm"
        case noiseMultiplier = "noise_multiplier"
        case targetDelta = "target_delta"
        case targetEpsilon = "target_epsilon"
        case roundEpsilon = "round_epsilon"
        case roundServerEpsilon = "round_server_epsilon"
        case encodedNorm = "encoded_norm"
        case minimumReports = "minimum_reports"
        case cohortSize = "cohort_size"
    }
}
