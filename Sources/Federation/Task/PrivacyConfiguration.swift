package import Configuration
package import Privacy

/// Who adds noise, and thus who must be trusted (the privacy modes: Sources/Privacy/README.md).
package enum PrivacyMode: String, Codable, Sendable, CaseIterable {
    case distributed, local, central, none
}

/// How the accountant may assume that cohorts are drawn (`task.privacy.sampling`).
package enum ClaimedSampling: String, Codable, Sendable, CaseIterable {
    /// No amplification: every client may be in every round.
    case none
    /// Each client of the whole roster independently.
    case poisson
    /// A fixed number of the whole roster without replacement; implies replace-one.
    case fixedSize = "fixed-size"
}

/// The `task.privacy` section as written. Absent altogether, a task is private: central noise calibrated to
/// ε = 8 at δ = 1e-5; `mode: "none"` must be asked for by name.
package struct PrivacyConfiguration: Equatable, Sendable {
    package var mode: PrivacyMode
    /// L2 bound of one client's update, in model units.
    package var clippingNorm: Double
    /// Whether each tensor of the model is clipped to a norm of its own, an equal part of `clippingNorm` in
    /// quadrature (McMahan et al. 2018, section 3.1), rather than the update as a whole.
    package var clipsPerLayer: Bool
    /// Standard deviation of the noise in the sum divided by the sensitivity; nil: calibrate.
    package var noiseMultiplier: Double?
    /// Mechanism by catalog name, or `"tree"` or `"matrix"`: Gaussian noise over rounds (DP-FTRL), for federations that
    /// cannot promise random sampling. The default is the Gaussian rounded onto the grid: rounding is
    /// post-processing, so the Gaussian's own accounting, the tightest of the three, holds for it.
    package var mechanism: String
    package var sampling: ClaimedSampling
    /// With mechanism `"tree"`: rounds of one tree, in which a client takes part at most once; nil: as many as
    /// the population fills.
    package var roundsPerTree: Int?
    /// With mechanism `"tree"`: what prefix sums are made of; nil: the nodes of their binary expansion.
    package var treeEstimator: TreeAggregation.Estimator?
    /// With mechanism `"matrix"`: how often clients take part, and what the noise is correlated by.
    package var matrix: MatrixConfiguration?
    package var adjacency: Adjacency
    package var targetDelta: Double
    /// Budget of the released models; nil: no stop.
    package var targetEpsilon: Double?
    package var accountant: AccountantKind
    /// Nil: the clipping norm stays as configured.
    package var adaptiveClipping: AdaptiveClippingConfiguration?
    /// Nil: single records are protected no better than their client.
    package var example: ExampleConfiguration?

    /// Reads the section; nil gives the private default. `boundsParticipations`: who takes part depends on who did before,
    /// and what a client costs is bounded by how often it does.
    package init(_ section: Section?, boundsParticipations: Bool = false) throws {
        guard let section else {
            self = try PrivacyConfiguration(
                Section(
                    .object([
                        "mode": .string("central"), "calibrate": .bool(true), "target_epsilon": .integer(8),
                    ]),
                    path: "task.privacy"), boundsParticipations: boundsParticipations)
            return
        }
        guard let mode = try section.choice("mode", of: PrivacyMode.self) else {
            throw section.error(
                "mode", "say who adds the noise: central, local or distributed; \"none\" gives no privacy")
        }
        self.mode = mode
        clippingNorm = try section.positive("clipping_norm") ?? 1
        clipsPerLayer = try section.bool("per_layer_clipping") ?? false
        noiseMultiplier = try section.nonNegative("noise_multiplier")
        let calibrate = try section.bool("calibrate") ?? false
        mechanism = try section.string("mechanism") ?? (mode == .distributed ? "skellam" : "gaussian")
        sampling = try section.choice("sampling", of: ClaimedSampling.self) ?? .none
        roundsPerTree = try section.integer("rounds_per_tree", in: 1...1_000_000)
        treeEstimator = try section.choice("tree_estimator", of: TreeAggregation.Estimator.self)
        let matrix = try section.section("matrix").map { try MatrixConfiguration($0) }
        self.matrix = matrix ?? (mode != .none && mechanism == Self.matrix ? MatrixConfiguration() : nil)
        let adjacency = try section.choice("adjacency", of: Adjacency.self)
        self.adjacency =
            adjacency
            ?? Self.defaultAdjacency(
                sampling: sampling,
                boundsParticipations: boundsParticipations || Self.overRounds.contains(mechanism))
        targetDelta =
            try section.number("target_delta", expected: "a number above 0 and below 1") { $0 > 0 && $0 < 1 }
            ?? 1e-5
        targetEpsilon = try section.positive("target_epsilon")
        accountant = try section.choice("accountant", of: AccountantKind.self) ?? .best
        adaptiveClipping = try section.section("adaptive_clipping").map {
            try AdaptiveClippingConfiguration($0)
        }
        example = try section.section("example").map { try ExampleConfiguration($0) }
        try section.finish()
        try check(section, calibrate: calibrate, adjacencyGiven: adjacency)
    }

    /// Names of the mechanisms that noise prefix sums: in trees, and by a matrix.
    static let tree = "tree"
    static let matrix = "matrix"
    static let overRounds = [tree, matrix]

    /// Whether the noise is that of trees over rounds (DP-FTRL).
    package var usesTrees: Bool { mode != .none && mechanism == Self.tree }
    /// Whether the noise of a round is taken back in part by later ones, so that who takes part how often is bounded.
    package var noisesOverRounds: Bool { mode != .none && Self.overRounds.contains(mechanism) }

    private static func defaultAdjacency(
        sampling: ClaimedSampling, boundsParticipations: Bool
    ) -> Adjacency {
        if boundsParticipations { return .zeroOut }
        return sampling == .fixedSize ? .replaceOne : .addOrRemoveOne
    }

    private func check(_ section: Section, calibrate: Bool, adjacencyGiven: Adjacency?) throws {
        if mode == .none {
            guard noiseMultiplier == nil || noiseMultiplier == 0, !calibrate else {
                throw section.error("mode", "is \"none\", yet noise is asked for; remove one of the two")
            }
            return
        }
        switch (noiseMultiplier, calibrate) {
        case (nil, false):
            throw section.error("noise_multiplier", "give it, or calibrate: true with a target_epsilon")
        case (.some, true):
            throw section.error("calibrate", "the noise_multiplier is given already; remove one of the two")
        case (.some(0), false):
            throw section.error(
                "noise_multiplier", "must be above 0; mode \"none\" asks for no noise by name")
        default: break
        }
        if calibrate, targetEpsilon == nil {
            throw section.error("target_epsilon", "is needed to calibrate the noise")
        }
        if sampling == .fixedSize, let adjacencyGiven, adjacencyGiven != .replaceOne {
            throw section.error(
                "adjacency",
                "fixed-size sampling is proved for replace-one only; leave it out, or sample otherwise")
        }
        if sampling == .poisson, adjacency == .replaceOne {
            throw section.error(
                "adjacency", "Poisson sampling is accounted for add-or-remove-one or zero-out")
        }
        if mode == .distributed, mechanism == "gaussian" {
            throw section.error(
                "mechanism",
                "shares of noise add up as \"skellam\" or \"discrete_gaussian\", not as a rounded Gaussian")
        }
        if adaptiveClipping != nil, mode != .distributed, mode != .central || mechanism != "gaussian" {
            throw section.error(
                "adaptive_clipping",
                "needs mode \"central\" with mechanism \"gaussian\", or mode \"distributed\"")
        }
        if adaptiveClipping != nil, clipsPerLayer {
            throw section.error("per_layer_clipping", "does not go with adaptive_clipping: one norm adapts")
        }
        try checkOverRounds(section)
        if mode == .local, sampling != .none {
            throw section.error(
                "sampling",
                "local noise is accounted against the server, which knows the sample: use \"none\"")
        }
    }

    /// Noise over rounds bounds how often a client takes part instead of claiming that it was drawn at random. Who takes
    /// part depends on who took part before, so that a neighbour without a client at all is not covered.
    private func checkOverRounds(_ section: Section) throws {
        guard roundsPerTree == nil || usesTrees else {
            throw section.error("rounds_per_tree", "goes with mechanism \"tree\"; remove it")
        }
        guard treeEstimator == nil || usesTrees else {
            throw section.error("tree_estimator", "goes with mechanism \"tree\"; remove it")
        }
        guard matrix == nil || mechanism == Self.matrix else {
            throw section.error("matrix", "goes with mechanism \"matrix\"; remove it")
        }
        guard noisesOverRounds else { return }
        guard mode == .central else {
            throw section.error(
                "mechanism", "\"\(mechanism)\" is noise of the server's: it needs mode \"central\"")
        }
        guard sampling == .none else {
            throw section.error("sampling", "mechanism \"\(mechanism)\" claims no sampling: use \"none\"")
        }
        guard adjacency != .addOrRemoveOne else {
            throw section.error(
                "adjacency", "mechanism \"\(mechanism)\" is proved for zero-out (its default) and replace-one"
            )
        }
    }
}

/// `task.privacy.adaptive_clipping`: the clipping norm follows a quantile of the update norms, privately.
package struct AdaptiveClippingConfiguration: Equatable, Sendable {
    package var targetQuantile: Double
    package var learningRate: Double

    init(_ section: Section) throws {
        targetQuantile =
            try section.number("target_quantile", expected: "a number from 0 to 1") { $0 >= 0 && $0 <= 1 }
            ?? 0.5
        learningRate = try section.positive("learning_rate") ?? 0.2
        try section.finish()
    }

    func start(at clippingNorm: Double) throws -> AdaptiveClipping {
        try AdaptiveClipping(
            initialBound: clippingNorm, learningRate: learningRate, targetQuantile: targetQuantile)
    }
}
