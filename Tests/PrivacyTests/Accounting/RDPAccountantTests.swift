import Testing

@testable import Privacy

@Suite("RDP accountant against reference values")
struct RDPAccountantTests {
    @Test(
        "divergence of the sampled Gaussian at each order",
        arguments: AccountingVectors.family("sgm_rdp_at_orders"))
    func sampledGaussianOrders(_ vector: VectorCase) throws {
        let event = PrivacyEvent(
            mechanism: .gaussian(noiseMultiplier: try vector.parameter("noise_multiplier")),
            sampling: .poisson(probability: try vector.parameter("sampling_probability")))
        let orders = vector.params["orders"].numbers
        let actual = try RDPAccountant([event]).curve(at: orders).divergences
        let expected = vector.expected["rdp_exact"]["values"].numbers
        try #require(expected.count == orders.count)
        for (actual, expected) in zip(actual, expected) {
            // Tighter than the file's 1e-12 absolute: divergences near 1e-12 are resolved too.
            #expect(abs(actual - expected) <= 1e-17 + 1e-7 * expected)
        }
    }

    @Test(
        "epsilon of the sampled Gaussian",
        arguments: AccountingVectors.family("poisson_subsampled_gaussian"))
    func sampledGaussian(_ vector: VectorCase) throws {
        let guarantee = try RDPAccountant([try sampledEvent(vector.params)]).guarantee(
            delta: #require(vector.delta))
        #expect(vector.agrees(guarantee.epsilon, with: "epsilon_rdp_exact"), "\(guarantee)")
        let order = vector.expected["epsilon_rdp_exact"]["optimal_order"].number
        #expect(guarantee.optimalOrder == order)
        let extended = try RDPAccountant([try sampledEvent(vector.params)])
            .guarantee(delta: #require(vector.delta), precision: .extended)
        #expect(extended.epsilon <= guarantee.epsilon)
    }

    @Test("epsilon of phases", arguments: AccountingVectors.family("poisson_heterogeneous"))
    func heterogeneous(_ vector: VectorCase) throws {
        let events = try vector.params["phases"].list.map(sampledEvent)
        let guarantee = try RDPAccountant(events).guarantee(delta: #require(vector.delta))
        #expect(vector.agrees(guarantee.epsilon, with: "epsilon_rdp_exact"), "\(guarantee)")
    }

    @Test("epsilon of the Gaussian", arguments: AccountingVectors.family("gaussian"))
    func gaussian(_ vector: VectorCase) throws {
        let event = PrivacyEvent(
            mechanism: .gaussian(noiseMultiplier: try vector.parameter("noise_multiplier")),
            steps: Int(try vector.parameter("count")))
        let accountant = try RDPAccountant([event])
        let guarantee = try accountant.guarantee(delta: #require(vector.delta))
        #expect(vector.agrees(guarantee.epsilon, with: "epsilon_rdp"), "\(guarantee)")
        #expect(vector.agrees(try #require(accountant.concentration), with: "rho_zcdp"))
    }

    @Test("epsilon of Gaussian phases", arguments: AccountingVectors.family("gaussian_heterogeneous"))
    func gaussianPhases(_ vector: VectorCase) throws {
        let guarantee = try RDPAccountant(gaussianPhaseEvents(vector)).guarantee(
            delta: #require(vector.delta))
        #expect(vector.agrees(guarantee.epsilon, with: "epsilon_rdp"), "\(guarantee)")
    }

    @Test(
        "sampling without replacement",
        arguments: AccountingVectors.family("fixed_size_without_replacement_gaussian"))
    func withoutReplacement(_ vector: VectorCase) throws {
        let event = PrivacyEvent(
            mechanism: .gaussian(noiseMultiplier: try vector.parameter("noise_multiplier")),
            sampling: .fixedSize(
                population: Int(try vector.parameter("population")),
                cohort: Int(try vector.parameter("sample_size"))),
            adjacency: .replaceOne, steps: Int(try vector.parameter("steps")))
        let guarantee = try RDPAccountant([event]).guarantee(delta: #require(vector.delta))
        #expect(vector.agrees(guarantee.epsilon, with: "epsilon_rdp"), "\(guarantee)")

        var single = event
        single.steps = 1
        let step = vector.expected["rdp_single_step"]
        let actual = try RDPAccountant([single]).curve(at: step["orders"].numbers).divergences
        for (actual, expected) in zip(actual, step["values"].numbers) {
            #expect(abs(actual - expected) <= 1e-6 * expected)
        }
    }

    @Test("discrete Gaussian drawn whole", arguments: AccountingVectors.family("discrete_gaussian"))
    func discreteGaussian(_ vector: VectorCase) throws {
        let guarantee = try RDPAccountant([discreteGaussianEvent(vector)]).guarantee(
            delta: #require(vector.delta))
        #expect(vector.agrees(guarantee.epsilon, with: "epsilon_rdp"), "\(guarantee)")
    }

    @Test("Laplace", arguments: AccountingVectors.family("laplace"))
    func laplace(_ vector: VectorCase) throws {
        let event = PrivacyEvent(
            mechanism: .laplace(scaleOverSensitivity: try vector.parameter("scale_over_l1_sensitivity")),
            steps: Int(try vector.parameter("count")))
        let delta = try #require(vector.delta)
        let guarantee = try RDPAccountant([event]).guarantee(delta: delta)
        #expect(
            vector.agrees(guarantee.epsilon, with: delta == 0 ? "epsilon_pure" : "epsilon_rdp"),
            "\(guarantee)")
        #expect(vector.agrees(try #require(PureEpsilon.of([event])), with: "epsilon_pure"))
    }

    @Test(
        "sum of discrete Gaussian shares",
        arguments: AccountingVectors.family("distributed_discrete_gaussian_rdp"))
    func distributedDiscreteGaussian(_ vector: VectorCase) throws {
        let local = try #require(vector.expected["local_sigma_scaled"]["value"].number)
        let shares = PrivacyEvent.DiscreteGaussianParameters.Shares(
            clients: Int(try vector.parameter("clients")), localVariance: local * local)
        #expect(vector.agrees(MechanismRenyi.shareGap(shares), with: "tau"))
        let parameters = PrivacyEvent.DiscreteGaussianParameters(
            sigmaSquared: Double(shares.clients) * shares.localVariance,
            sensitivity: try boundedSensitivity(vector), shares: shares)
        try expectDistributed(vector, .discreteGaussian(parameters))
    }

    @Test("Skellam noise", arguments: AccountingVectors.family("distributed_skellam_rdp"))
    func skellam(_ vector: VectorCase) throws {
        let variance = try #require(vector.expected["total_variance_scaled"]["value"].number)
        try expectDistributed(
            vector, .skellam(variance: variance, sensitivity: try boundedSensitivity(vector)))
    }

    @Test("one-dimensional Skellam bound", arguments: AccountingVectors.family("skellam_1d"))
    func skellamBound(_ vector: VectorCase) throws {
        let curve = try RDPAccountant([skellamEvent(vector)]).curve(at: vector.expected["orders"].numbers)
        let bounds = vector.expected["rdp_bound_agarwal2021"].numbers
        let exact = vector.expected["rdp_exact"].numbers
        for (actual, (bound, exact)) in zip(curve.divergences, zip(bounds, exact)) {
            #expect(abs(actual - bound) <= 1e-9 * bound)
            #expect(actual >= exact)
        }
    }

    @Test("tree aggregation with restarts", arguments: AccountingVectors.family("tree_aggregation"))
    func tree(_ vector: VectorCase) throws {
        let steps = vector.params["step_counts"].number.map { [$0] } ?? vector.params["step_counts"].numbers
        let event = PrivacyEvent(
            mechanism: .tree(
                noiseMultiplier: try vector.parameter("noise_multiplier_per_node"),
                participations: Int(try vector.parameter("participations_each_in_a_fresh_tree"))),
            adjacency: .zeroOut, steps: Int(steps.max() ?? 0))
        let accountant = try RDPAccountant([event])
        let delta = try #require(vector.delta)
        #expect(vector.agrees(try #require(accountant.concentration), with: "rho_zcdp"))
        #expect(vector.agrees(try accountant.guarantee(delta: delta).epsilon, with: "epsilon_rdp"))
        let tightest = try accountant.guarantee(delta: delta, precision: .extended)
        #expect(vector.agrees(tightest.epsilon, with: "epsilon_zcdp_continuous_order"))
        #expect(try PrivacyGuarantee.of([event], delta: delta).epsilon == tightest.epsilon)
    }

    @Test("zCDP to (epsilon, delta)", arguments: AccountingVectors.family("zcdp_to_dp"))
    func concentrated(_ vector: VectorCase) throws {
        let (rho, delta) = (try vector.parameter("rho"), try #require(vector.delta))
        #expect(
            vector.agrees(
                RenyiCurve.epsilonOfConcentrated(rho: rho, delta: delta).epsilon,
                with: "epsilon_continuous_order"))
        let curve = RenyiCurve(
            orders: RenyiOrders.standard, divergences: RenyiOrders.standard.map { rho * $0 })
        #expect(vector.agrees(curve.epsilon(delta: delta).epsilon, with: "epsilon_google_orders"))
    }

    @Test("classic conversion of older papers", arguments: AccountingVectors.family("published"))
    func published(_ vector: VectorCase) throws {
        let text = try #require(vector.expected["epsilon_rdp_classic_conversion"]["orders"].text)
        let orders =
            text.hasPrefix("integers")
            ? (2...32).map(Double.init) : RenyiOrders.standard.filter { $0 != 11 && $0 < 64 }
        let curve = try RDPAccountant([sampledEvent(vector.params)]).curve(at: orders)
        #expect(
            vector.agrees(
                curve.classicEpsilon(delta: try #require(vector.delta)),
                with: "epsilon_rdp_classic_conversion"))
    }
}

/// Checks the unsampled divergences and the composed epsilon of a distributed mechanism.
private func expectDistributed(_ vector: VectorCase, _ mechanism: PrivacyEvent.Mechanism) throws {
    let step = vector.expected["rdp_single_step_unsampled"]
    let plain = try RDPAccountant([PrivacyEvent(mechanism: mechanism)]).curve(at: step["orders"].numbers)
    for (actual, expected) in zip(plain.divergences, step["values"].numbers) {
        #expect(abs(actual - expected) <= 1e-9 * expected)
    }
    let event = PrivacyEvent(
        mechanism: mechanism, sampling: .poisson(probability: try vector.parameter("sampling_probability")),
        steps: Int(try vector.parameter("steps")))
    let delta = try #require(vector.delta)
    let guarantee = try RDPAccountant([event]).guarantee(delta: delta)
    #expect(vector.agrees(guarantee.epsilon, with: "epsilon_rdp"), "\(guarantee)")
    #expect(guarantee.optimalOrder == vector.expected["epsilon_rdp"]["optimal_order"].number)
    let best = try PrivacyGuarantee.of([event], delta: delta)
    if case .skellam = mechanism {
        #expect(best == (try PLDAccountant([event]).guarantee(delta: delta)))
    } else {
        #expect(throws: AccountingError.self) { try PLDAccountant([event]).guarantee(delta: delta) }
        #expect(best.accountant == .rdp)
    }
    // Sharper than the published bound, never below the continuous Gaussian that shares the multiplier.
    #expect(best.epsilon <= guarantee.epsilon * (1 + 1e-12))
    if let gaussian = vector.expected["epsilon_continuous_gaussian_same_nm"].number {
        #expect(best.epsilon >= gaussian)
    }
}

/// Sensitivity after rounding, as the distributed cases state it.
private func boundedSensitivity(_ vector: VectorCase) throws -> PrivacyEvent.IntegerSensitivity {
    PrivacyEvent.IntegerSensitivity(
        l2: try #require(vector.expected["l2_bound_after_rounding_scaled"]["value"].number),
        l1: vector.expected["l1_bound_after_rounding_scaled"]["value"].number,
        dimension: Int(try vector.parameter("dim")))
}

/// `{noise_multiplier, sampling_probability, steps}` as an event.
func sampledEvent(_ parameters: VectorValue) throws -> PrivacyEvent {
    PrivacyEvent(
        mechanism: .gaussian(noiseMultiplier: try #require(parameters["noise_multiplier"].number)),
        sampling: .poisson(probability: try #require(parameters["sampling_probability"].number)),
        steps: Int(try #require(parameters["steps"].number)))
}

/// `[[noise multiplier, count], …]` as events.
func gaussianPhaseEvents(_ vector: VectorCase) -> [PrivacyEvent] {
    vector.params["phases_noise_multiplier_count"].list.map { phase in
        PrivacyEvent(
            mechanism: .gaussian(noiseMultiplier: phase.numbers[0]), steps: Int(phase.numbers[1]))
    }
}

/// A one-dimensional discrete Gaussian case as an event.
func discreteGaussianEvent(_ vector: VectorCase) throws -> PrivacyEvent {
    let sensitivity = PrivacyEvent.IntegerSensitivity(l2: try vector.parameter("integer_sensitivity"))
    return PrivacyEvent(
        mechanism: .discreteGaussian(
            .init(sigmaSquared: try vector.parameter("sigma2"), sensitivity: sensitivity)))
}

/// A one-dimensional Skellam case as an event.
func skellamEvent(_ vector: VectorCase) throws -> PrivacyEvent {
    let sensitivity = PrivacyEvent.IntegerSensitivity(l2: try vector.parameter("integer_sensitivity"))
    return PrivacyEvent(
        mechanism: .skellam(variance: try vector.parameter("total_variance"), sensitivity: sensitivity))
}
