package import Compute
internal import Configuration
internal import Cryptography
package import Datasets
internal import Encoding
package import Federation
internal import Learning
package import Messages
package import Transport

/// A plan that the agent cannot follow: it contradicts itself, or this version does not know it.
package struct UnusablePlan: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// The task of an assignment, read from its own text and nothing else that the server says of it.
package struct AssignedTask: Sendable {
    package let configuration: TaskConfiguration
    package let digest: String

    /// Reads the task. Throws ``UnusablePlan`` or ``ConfigurationError``.
    package init(_ plan: RoundPlan) throws {
        digest = Digest.text(of: try SHA256.hash(Array(plan.task.utf8)))
        guard digest == plan.taskSHA256 else {
            throw UnusablePlan("the task has not the SHA-256 that the server states")
        }
        let json = try JSONValue(json5: plan.task.utf8, source: "the server's task")
        configuration = try TaskConfiguration(Section(json, path: "task"))
    }
}

/// Everything that a round needs, resolved by the agent itself.
package struct RoundWork {
    package let message: RoundPlan
    package let task: AssignedTask
    package let plan: TaskPlan
    package let model: ParameterVector
    /// How the published model's inputs are prepared; nil: each agent fits its own.
    package let preprocessing: Preprocessing?
    /// L2 bound of the update, in model units; of no meaning without privacy.
    package let clippingNorm: Double

    /// Resolves an assignment against the published model's file. Throws ``UnusablePlan``,
    /// ``ConfigurationError``, ``SafeTensorsError`` or ``PrivacyRefusal``.
    package init(_ message: RoundPlan, task: AssignedTask, model bytes: SharedBuffer) throws {
        let file = try SafeTensors(decoding: bytes.bytes)
        let name = "the published model"
        let description = try ModelFile.description(file, path: name)
        try Self.checkShape(description.inputShape)
        let model = try Model(task.configuration.model, inputShape: description.inputShape)
        let plan = try TaskPlan(task.configuration, model: model, population: message.population)
        let configured = plan.privacy?.configuration.clippingNorm ?? .infinity
        // Where clipping adapts the server says where it stands; the policy bounds it.
        let adapts = plan.privacy?.adaptiveClipping != nil
        clippingNorm = adapts ? message.privacy?.clippingNorm ?? configured : configured
        guard clippingNorm > 0 else { throw UnusablePlan("the clipping norm is not above 0") }
        let scale = plan.privacy?.scale(forClippingNorm: clippingNorm) ?? plan.codec.scale
        guard message.report.count == plan.reportDimension, message.report.bits == plan.codec.bits,
            message.report.scale == scale
        else { throw UnusablePlan("the server wants another vector than its task gives: versions differ") }
        self.message = message
        self.task = task
        self.plan = plan
        self.model = try ModelFile.parameters(file.tensors, layout: model.layout, path: name)
        preprocessing =
            description.data == .null
            ? nil : try Preprocessing(description.data, path: "\(name): sordino.data")
    }

    /// A hostile shape must not overflow a product before its model is refused.
    private static func checkShape(_ shape: [Int]) throws {
        var count = 1
        for size in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow, product <= 1 << 31 else {
                throw UnusablePlan("the published model's input shape is too large")
            }
            count = product
        }
    }

    /// What the trainer is given.
    package var job: TrainingJob {
        TrainingJob(
            plan: plan, task: task.digest, round: message.round, client: message.client, seed: message.seed,
            model: model,
            preprocessing: preprocessing)
    }

    /// Trains and encodes: the report's bytes as they go on the wire where reports are not masked.
    package func report(by trainer: any RoundTrainer) throws -> (body: [UInt8], examples: Int) {
        // Noise of distributed mode is a share only: sent unmasked it would protect nobody.
        guard !plan.masksReports else { throw UnusablePlan("this report must not leave unmasked") }
        if plan.sendsFloats { return try plainReport(by: trainer) }
        let (vector, weight, examples) = try vector(by: trainer, members: plan.greatestCohort)
        return (try header(weight: weight, .ring).encoded() + vector.packed(), examples)
    }

    private func header(weight: Int, _ values: UpdateHeader.Values) throws -> UpdateHeader {
        let header = UpdateHeader(
            run: message.run, round: message.round, weight: weight, count: plan.reportDimension,
            bits: plan.codec.bits, values: values)
        guard let header else { throw UnusablePlan("the run has no identity") }
        return header
    }

    /// Without privacy the change itself goes on the wire, checked as it would be for the ring.
    private func plainReport(by trainer: any RoundTrainer) throws -> (body: [UInt8], examples: Int) {
        var pipeline = UpdatePipeline(plan: plan, onlyAdds: true)
        return try trainer.withUpdate(job) { delta, examples in
            var rounding = SeededGenerator(seed: message.seed, purpose: .stochasticRounding)
            var noise = try SecureNoise()
            let (weight, _) = try pipeline.encode(
                delta, examples: examples, clippingNorm: clippingNorm, rounding: &rounding, noise: &noise)
            let header = try header(weight: weight, .floats).encoded()
            let body = [UInt8](unsafeUninitializedCapacity: header.count + 4 * delta.count) { bytes, count in
                let raw = UnsafeMutableRawBufferPointer(bytes)
                raw.copyBytes(from: header)
                UnsafeMutableRawBufferPointer(rebasing: raw[header.count...]).copyMemory(
                    from: UnsafeRawBufferPointer(delta))
                count = header.count + 4 * delta.count
            }
            return (body, examples)
        }
    }

    /// Trains, clips, encodes and adds the agent's noise, which comes from the cryptographic generator: the
    /// report before any mask, its weight and the number of examples behind it. `members` are those of the round, by which shares of noise are sized.
    func vector(by trainer: any RoundTrainer, members: Int) throws -> (
        vector: RingVector, weight: Int, examples: Int
    ) {
        var pipeline = UpdatePipeline(plan: plan, onlyAdds: true)
        var sum = Aggregation(count: plan.reportDimension, bits: plan.codec.bits)
        var rounding = SeededGenerator(
            seed: message.seed, purpose: .stochasticRounding, client: message.client, round: message.round)
        let rotation = try plan.rotation(seed: message.seed, round: message.round)
        let share = try plan.privacy?.clientNoise(members: members)
        let metrics = try plan.metrics.map { _ in try trainer.metrics(job) }
        let (weight, examples) = try trainer.withUpdate(job) { delta, examples in
            var noise = try SecureNoise()
            let encoded = try pipeline.encode(
                delta, examples: examples, clippingNorm: clippingNorm, rotation: rotation, share: share,
                metrics: metrics, rounding: &rounding, noise: &noise)
            try pipeline.add(delta, to: &sum)
            return (encoded.weight, examples)
        }
        return (sum.sum, weight, examples)
    }
}
