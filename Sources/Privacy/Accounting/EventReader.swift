internal import FoundationEssentials

/// A key of one event object in JSON.
struct EventKey: CodingKey, Hashable {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
    /// The key of this name.
    init(_ name: String) { stringValue = name }
}

/// Reads the parts of one event object; remembers which keys were read, so that the rest can be refused. Throws
/// ``AccountingError/malformedEvent(_:)``, naming the key.
final class EventReader {
    private let container: KeyedDecodingContainer<EventKey>
    private var read: Set<String> = []

    /// Nothing is read yet.
    init(_ container: KeyedDecodingContainer<EventKey>) { self.container = container }

    /// The value of a key; nil where it is not there.
    func optional<Value: Decodable>(_ name: String, _ type: Value.Type) throws -> Value? {
        read.insert(name)
        do {
            return try container.decodeIfPresent(type, forKey: EventKey(name))
        } catch {
            throw AccountingError.malformedEvent(
                "\"\(name)\" is not a \(type == String.self ? "text" : "number of the right kind")")
        }
    }

    /// The value of a key that must be there.
    func required<Value: Decodable>(_ name: String, _ type: Value.Type) throws -> Value {
        guard let value = try optional(name, type) else {
            throw AccountingError.malformedEvent("\"\(name)\" is missing")
        }
        return value
    }

    /// Refuses keys that nobody asked for.
    func refuseUnread() throws {
        let unknown = container.allKeys.map(\.stringValue).filter { !read.contains($0) }.sorted()
        guard let first = unknown.first else { return }
        throw AccountingError.malformedEvent(
            "key \"\(first)\" does not belong to this mechanism and sampling; "
                + "known here: \(read.sorted().joined(separator: ", "))")
    }

    /// The mechanism with its parameters.
    func mechanism() throws -> PrivacyEvent.Mechanism {
        let name = try required("mechanism", String.self)
        switch name {
        case "gaussian": return .gaussian(noiseMultiplier: try required("noise_multiplier", Double.self))
        case "discrete-gaussian":
            return .discreteGaussian(
                .init(
                    sigmaSquared: try required("sigma_squared", Double.self),
                    sensitivity: try integerSensitivity(), shares: try shares()))
        case "skellam":
            return .skellam(
                variance: try required("variance", Double.self), sensitivity: try integerSensitivity())
        case "laplace":
            return .laplace(scaleOverSensitivity: try required("scale_over_sensitivity", Double.self))
        case "tree":
            return .tree(
                noiseMultiplier: try required("noise_multiplier", Double.self),
                participations: try required("participations", Int.self))
        case "matrix": return .matrix(try matrix())
        default:
            throw AccountingError.malformedEvent(
                "unknown mechanism \"\(name)\"; known: gaussian, discrete-gaussian, skellam, laplace, tree, matrix"
            )
        }
    }

    private func matrix() throws -> MatrixRelease {
        MatrixRelease(
            noiseMultiplier: try required("noise_multiplier", Double.self),
            strategy: try required("strategy", String.self), bands: try required("bands", Int.self),
            sensitivity: try required("matrix_sensitivity", Double.self),
            rounds: try required("rounds", Int.self),
            separation: try required("min_separation", Int.self),
            participations: try required("max_participations", Int.self))
    }

    private func integerSensitivity() throws -> PrivacyEvent.IntegerSensitivity {
        PrivacyEvent.IntegerSensitivity(
            l2: try required("integer_sensitivity", Double.self),
            l1: try optional("l1_sensitivity", Double.self),
            dimension: try optional("dimension", Int.self) ?? 1)
    }

    private func shares() throws -> PrivacyEvent.DiscreteGaussianParameters.Shares? {
        let clients = try optional("clients", Int.self)
        let variance = try optional("local_variance", Double.self)
        switch (clients, variance) {
        case (nil, nil): return nil
        case (let clients?, let variance?): return .init(clients: clients, localVariance: variance)
        default:
            throw AccountingError.malformedEvent("\"clients\" and \"local_variance\" are given together")
        }
    }

    /// The sampler; none where nothing is said.
    func sampling() throws -> PrivacyEvent.Sampling {
        let name = try optional("sampling", String.self) ?? "none"
        switch name {
        case "none": return .none
        case "poisson": return .poisson(probability: try required("sampling_probability", Double.self))
        case "truncated-poisson":
            return .truncatedPoisson(
                probability: try required("sampling_probability", Double.self),
                population: try required("population", Int.self),
                maximum: try required("maximum_cohort", Int.self))
        case "fixed-size":
            return .fixedSize(
                population: try required("population", Int.self), cohort: try required("cohort", Int.self))
        default:
            throw AccountingError.malformedEvent(
                "unknown sampling \"\(name)\"; known: none, poisson, truncated-poisson, fixed-size")
        }
    }

    /// The adjacency; where nothing is said the one that goes with the sampler.
    func adjacency(under sampling: PrivacyEvent.Sampling) throws -> Adjacency {
        guard let name = try optional("adjacency", String.self) else {
            if case .fixedSize = sampling { return .replaceOne }
            return .addOrRemoveOne
        }
        guard let stated = Adjacency(rawValue: name) else {
            throw AccountingError.malformedEvent(
                "unknown adjacency \"\(name)\"; known: "
                    + Adjacency.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return stated
    }
}

/// Writes the parts of one event object, as ``EventReader`` reads them.
struct EventWriter {
    private var container: KeyedEncodingContainer<EventKey>

    /// Nothing is written yet.
    init(_ container: KeyedEncodingContainer<EventKey>) { self.container = container }

    /// A key and its value.
    mutating func put(_ name: String, _ value: some Encodable) throws {
        try container.encode(value, forKey: EventKey(name))
    }

    /// The mechanism with its parameters.
    mutating func put(_ mechanism: PrivacyEvent.Mechanism) throws {
        try put("mechanism", mechanism.name)
        switch mechanism {
        case .gaussian(let multiplier): try put("noise_multiplier", multiplier)
        case .discreteGaussian(let parameters):
            try put("sigma_squared", parameters.sigmaSquared)
            try put(parameters.sensitivity)
            if let shares = parameters.shares {
                try put("clients", shares.clients)
                try put("local_variance", shares.localVariance)
            }
        case .skellam(let variance, let sensitivity):
            try put("variance", variance)
            try put(sensitivity)
        case .laplace(let scale): try put("scale_over_sensitivity", scale)
        case .tree(let multiplier, let participations):
            try put("noise_multiplier", multiplier)
            try put("participations", participations)
        case .matrix(let parameters):
            try put("noise_multiplier", parameters.noiseMultiplier)
            try put("strategy", parameters.strategy)
            try put("bands", parameters.bands)
            try put("matrix_sensitivity", parameters.sensitivity)
            try put("rounds", parameters.rounds)
            try put("min_separation", parameters.separation)
            try put("max_participations", parameters.participations)
        }
    }

    private mutating func put(_ sensitivity: PrivacyEvent.IntegerSensitivity) throws {
        try put("integer_sensitivity", sensitivity.l2)
        try put("dimension", sensitivity.dimension)
        if let l1 = sensitivity.l1 { try put("l1_sensitivity", l1) }
    }

    /// The sampler.
    mutating func put(_ sampling: PrivacyEvent.Sampling) throws {
        try put("sampling", sampling.name)
        switch sampling {
        case .none: break
        case .poisson(let probability): try put("sampling_probability", probability)
        case .truncatedPoisson(let probability, let population, let maximum):
            try put("sampling_probability", probability)
            try put("population", population)
            try put("maximum_cohort", maximum)
        case .fixedSize(let population, let cohort):
            try put("population", population)
            try put("cohort", cohort)
        }
    }
}
