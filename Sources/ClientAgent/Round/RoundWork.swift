package import Compute
internal import Configuration
internal import Cryptography
internal import Custody
package import Datasets
internal import Encoding
package import Federation
internal import Learning
internal import Ledger
package import Messages
package import Operations
internal import Privacy
package import Transport

/// A plan that the agent cannot follow: it contradicts itself, or this version does not know it.
package struct UnusablePlan: ExitCoded, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    package var exitCode: ExitCode { .invalidInput }
}

/// The task of an assignment, read from its own text and nothing else that the server says of it.
package struct AssignedTask: Sendable {
    package let configuration: TaskConfiguration
    package let digest: String

    /// Reads the task. Throws ``UnusablePlan`` or ``ConfigurationError``.
    package init(_ plan: RoundOffer) throws {
        try self.init(text: plan.task, statedDigest: plan.taskSHA256)
    }

    /// Reads a task's text, which must have the digest that the server states for it.
    init(text: String, statedDigest: String) throws {
        digest = try SHA256.text(of: Array(text.utf8))
        guard digest == statedDigest else {
            throw UnusablePlan("the task has not the SHA-256 that the server states")
        }
        let json = try JSONValue(json5: text.utf8, source: "the server's task")
        configuration = try TaskConfiguration(Section(json, path: "task"))
    }
}

/// Everything that a round needs, resolved by the agent itself.
package struct RoundWork {
    package let message: RoundOffer
    package let task: AssignedTask
    package private(set) var plan: TaskPlan
    package let model: ParameterVector
    /// The parameters that nobody trains; nil where the model has none, and until ``take(_:)``.
    private var frozen: FrozenPart?
    /// What the agent has beside the model.
    package var context = ClientContext()
    /// How the published model's inputs are prepared; nil: each agent fits its own.
    package let preprocessing: Preprocessing?
    /// L2 bound of the update, in model units; of no meaning without privacy.
    package let clippingNorm: Double

    /// Resolves an assignment against the published model's file. Throws ``UnusablePlan``,
    /// ``ConfigurationError``, ``SafeTensorsError`` or ``PrivacyRefusal``.
    package init(_ message: RoundOffer, task: AssignedTask, model bytes: SharedBuffer) throws {
        var cache = TaskCache()
        try self.init(message, task: task, model: bytes, cache: &cache)
    }

    /// The same, with what is known of the task from earlier rounds.
    package init(
        _ message: RoundOffer, task: AssignedTask, model bytes: SharedBuffer, cache: inout TaskCache
    ) throws {
        let file = try SafeTensors(decoding: bytes.bytes)
        let resolved = try cache.resolve(task, population: message.population, model: file)
        let plan = resolved.plan
        let configured = plan.privacy?.configuration.clippingNorm ?? .infinity
        // Where clipping adapts the server says where it stands; the policy bounds it.
        let adapts = plan.privacy?.adaptiveClipping != nil
        clippingNorm = adapts ? message.privacy?.clippingNorm ?? configured : configured
        guard clippingNorm > 0 else { throw UnusablePlan("the clipping norm is not above 0") }
        let scale = plan.privacy?.scale(forClippingNorm: clippingNorm) ?? plan.codec.scale
        guard message.report.count == plan.report.count, message.report.bits == plan.codec.bits,
            message.report.scale == scale
        else { throw UnusablePlan("the server wants another vector than its task gives: versions differ") }
        self.message = message
        self.task = task
        self.plan = plan
        model = try ModelFile.parameters(
            file.tensors, layout: plan.model.layout, path: "the published model")
        preprocessing = resolved.preprocessing
        if let stated = message.schemaSHA256, stated != resolved.schemaDigest {
            throw UnusablePlan("the published model carries another schema than the assignment states")
        }
    }

    /// Takes the model's frozen parameters, which must be those that its plan states.
    mutating func take(_ frozen: FrozenPart) {
        self.frozen = frozen
        if let parameters = frozen.parameters { plan = plan.with(frozen: parameters) }
    }

    /// Whether the published model's values are all finite and none is above `limit` in magnitude, frozen ones included.
    /// They are public: what is done about it tells nothing.
    func hasAcceptableWeights(_ limit: Double) -> Bool {
        let bound = Float(limit)
        if let frozen, frozen.greatestMagnitude > bound { return false }
        return model.values.withUnsafeBufferPointer { values in
            // Not a number is not within.
            var isWithin = true
            for value in values { isWithin = isWithin && value.magnitude <= bound }
            return isWithin
        }
    }

    /// What the trainer is given; `mustEnd`: when local work must be over.
    package func job(mustEnd: ContinuousClock.Instant? = nil) -> TrainingJob {
        var job = TrainingJob(
            plan: plan, task: task.digest, round: message.round, client: message.client, seed: message.seed,
            model: model, preprocessing: preprocessing, mustEnd: mustEnd, frozenFile: frozen?.path)
        job.context = context
        return job
    }

    /// The report's bytes as they go on the wire where reports are not masked. Throws the source of noise's error, and
    /// where nothing is private also what local work throws.
    package func report(of local: LocalWork) throws -> (body: [UInt8], failure: (any Error)?) {
        // Noise of distributed mode is a share only: sent unmasked it would protect nobody.
        guard !plan.masksReports else { throw UnusablePlan("this report must not leave unmasked") }
        if plan.sendsFloats {
            return try local.attempt(of: self) { try plainReport(of: $0, examples: $1) }
        }
        let (made, failure) = try vector(of: local, members: plan.greatestCohort)
        return (try header(weight: made.weight, .ring).encoded() + made.vector.packed(), failure)
    }

    /// ``report(of:)`` for a trainer with all the time that it wants, of a model within the default policy.
    package func report(by trainer: any RoundTrainer) throws -> (body: [UInt8], failure: (any Error)?) {
        try report(of: LocalWork(trainer: trainer, maximalWeight: AgentPolicy().maximalWeight))
    }

    private func header(weight: Int, _ values: UpdateHeader.Values) throws -> UpdateHeader {
        let header = UpdateHeader(
            run: message.run, round: message.round, weight: weight, count: plan.report.count,
            bits: plan.codec.bits, values: values)
        guard let header else { throw UnusablePlan("the run has no identity") }
        return header
    }

    /// Without privacy the change itself goes on the wire, checked as it would be for the ring.
    private func plainReport(of delta: UnsafeBufferPointer<Float>, examples: Int) throws -> [UInt8] {
        let pipeline = UpdatePipeline(plan: plan, onlyAdds: true)
        var rounding = SeededGenerator(
            seed: message.seed, purpose: .stochasticRounding, client: message.client, round: message.round)
        var noise = try SecureNoise()
        let (weight, _) = try pipeline.encode(
            delta, examples: examples, clippingNorm: clippingNorm,
            compression: CompressionRound(seed: message.seed, round: message.round), memory: context.memory,
            rounding: &rounding, noise: &noise)
        let header = try header(weight: weight, plan.compression == nil ? .floats : .compressed).encoded()
        let body = pipeline.plainBytes(delta)
        return [UInt8](unsafeUninitializedCapacity: header.count + body.count) { bytes, count in
            let raw = UnsafeMutableRawBufferPointer(bytes)
            raw.copyBytes(from: header)
            UnsafeMutableRawBufferPointer(rebasing: raw[header.count...]).copyMemory(from: body)
            count = header.count + body.count
        }
    }

    /// Trains, clips, encodes and adds the agent's noise, which comes from the cryptographic generator: the report
    /// before any mask, its weight, and why local work failed where that is hidden. `members` are those of the
    /// round, by which shares of noise are sized. Throws as ``report(of:)`` does.
    func vector(of local: LocalWork, members: Int) throws -> (
        made: (vector: RingVector, weight: Int), failure: (any Error)?
    ) {
        let rotation = try plan.rotation(seed: message.seed, round: message.round)
        let share = try plan.privacy?.clientNoise(members: members)
        return try local.attempt(of: self) { delta, examples, metrics in
            let pipeline = UpdatePipeline(plan: plan, onlyAdds: true)
            var sum = Aggregation(count: plan.report.count, bits: plan.codec.bits)
            var rounding = SeededGenerator(
                seed: message.seed, purpose: .stochasticRounding, client: message.client, round: message.round
            )
            var noise = try SecureNoise()
            let encoded = try pipeline.encode(
                delta, examples: examples, clippingNorm: clippingNorm, rotation: rotation, share: share,
                metrics: metrics, rounding: &rounding, noise: &noise)
            try pipeline.add(delta, to: &sum)
            return (sum.sum, encoded.weight)
        }
    }
}
