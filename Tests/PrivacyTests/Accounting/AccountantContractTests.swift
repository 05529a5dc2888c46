import Testing

@testable import Privacy

/// What every accountant promises of every event that it knows. A further mechanism, or a further accountant, is held to
/// it by one more line of ``examples``.
@Suite("What every accountant promises") struct AccountantContractTests {
    /// At least one event of every mechanism and of every sampling that is proved for it, and the accountants that know
    /// it; `best` knows what any other does.
    static let examples: [(event: PrivacyEvent, accountants: Set<AccountantKind>)] = [
        (PrivacyEvent(mechanism: .gaussian(noiseMultiplier: 3)), [.rdp, .pld]),
        (sampled(.gaussian(noiseMultiplier: 1), 0.02), [.rdp, .pld]),
        (PrivacyEvent(mechanism: .gaussian(noiseMultiplier: 3), adjacency: .replaceOne), [.rdp, .pld]),
        (sampled(.gaussian(noiseMultiplier: 1), 0.02, .zeroOut), [.rdp, .pld]),
        (sampled(.gaussian(noiseMultiplier: 1), 0.02, .replaceOne), [.pld]),
        (
            PrivacyEvent(
                mechanism: .gaussian(noiseMultiplier: 2), sampling: .fixedSize(population: 1000, cohort: 20),
                adjacency: .replaceOne), [.rdp]
        ),
        (
            PrivacyEvent(
                mechanism: .gaussian(noiseMultiplier: 2),
                sampling: .truncatedPoisson(probability: 0.05, population: 100, maximum: 12)), [.pld]
        ),
        (PrivacyEvent(mechanism: discrete), [.rdp, .pld]), (sampled(discrete, 0.02), [.rdp, .pld]),
        (PrivacyEvent(mechanism: skellam), [.rdp, .pld]), (sampled(skellam, 0.02), [.rdp, .pld]),
        (PrivacyEvent(mechanism: wideSkellam), [.rdp, .pld]),
        (
            PrivacyEvent(
                mechanism: wideSkellam, sampling: .fixedSize(population: 1000, cohort: 20),
                adjacency: .replaceOne), [.rdp]
        ),
        (PrivacyEvent(mechanism: .laplace(scaleOverSensitivity: 4)), [.rdp, .pld]),
        (sampled(.laplace(scaleOverSensitivity: 4), 0.02), [.rdp, .pld]),
        (
            PrivacyEvent(
                mechanism: .tree(noiseMultiplier: 6, participations: 1), adjacency: .zeroOut, steps: 8),
            [.rdp]
        ),
        (PrivacyEvent(mechanism: matrix, adjacency: .zeroOut), [.rdp, .pld]),
    ]

    private static let matrix = PrivacyEvent.Mechanism.matrix(
        .init(
            noiseMultiplier: 3, strategy: "bands", bands: 4, sensitivity: 5.5, rounds: 100, separation: 4,
            participations: 25))

    private static let discrete = PrivacyEvent.Mechanism.discreteGaussian(
        .init(sigmaSquared: 9, sensitivity: .init(l2: 1)))
    private static let skellam = PrivacyEvent.Mechanism.skellam(variance: 9, sensitivity: .init(l2: 1))
    private static let wideSkellam = PrivacyEvent.Mechanism.skellam(
        variance: 4e6, sensitivity: .init(l2: 1000, dimension: 10_000))

    private static func sampled(
        _ mechanism: PrivacyEvent.Mechanism, _ probability: Double, _ adjacency: Adjacency = .addOrRemoveOne
    ) -> PrivacyEvent {
        PrivacyEvent(
            mechanism: mechanism, sampling: .poisson(probability: probability), adjacency: adjacency)
    }

    /// An accountant with an event that it knows.
    struct Pair: CustomTestStringConvertible, Sendable {
        let accountant: AccountantKind
        let event: PrivacyEvent
        let isKnown: Bool
        var testDescription: String { "\(accountant.rawValue), \(event)" }

        func epsilon(_ events: [PrivacyEvent], delta: Double = 1e-6) throws -> Double {
            try PrivacyGuarantee.of(events, delta: delta, accountant: accountant).epsilon
        }
    }

    static let pairs = examples.flatMap { example in
        AccountantKind.allCases.map { kind in
            Pair(
                accountant: kind, event: example.event,
                isKnown: kind == .best || example.accountants.contains(kind))
        }
    }
    static let known = pairs.filter(\.isKnown)

    @Test func everyMechanismHasAnExample() {
        // A new case does not compile here before it has a name, nor pass before it has an example.
        func name(_ mechanism: PrivacyEvent.Mechanism) -> Int {
            switch mechanism {
            case .gaussian: 0
            case .discreteGaussian: 1
            case .skellam: 2
            case .laplace: 3
            case .tree: 4
            case .matrix: 5
            }
        }
        #expect(Set(Self.examples.map { name($0.event.mechanism) }) == Set(0...5))
    }

    @Test(arguments: pairs) func knowsWhatItSays(_ pair: Pair) throws {
        guard pair.isKnown else {
            #expect(throws: AccountingError.self) { try pair.epsilon([pair.event]) }
            return
        }
        let guarantee = try PrivacyGuarantee.of([pair.event], delta: 1e-6, accountant: pair.accountant)
        #expect(guarantee.epsilon.isFinite && guarantee.epsilon > 0)
        #expect(guarantee.delta == 1e-6 && guarantee.adjacency == pair.event.adjacency)
        #expect(pair.accountant == .best || guarantee.accountant == pair.accountant)
    }

    @Test(arguments: known) func nothingCostsNothing(_ pair: Pair) throws {
        var none = pair.event
        if case .tree(let multiplier, _) = none.mechanism {
            none.mechanism = .tree(noiseMultiplier: multiplier, participations: 0)
        } else {
            none.steps = 0
        }
        #expect(try pair.epsilon([]) == 0 && pair.epsilon([none]) == 0)
        let (alone, beside) = (try pair.epsilon([pair.event]), try pair.epsilon([none, pair.event]))
        #expect(abs(alone - beside) <= 1e-9 * alone)
    }

    @Test(arguments: known) func aStricterDeltaNeverCostsLess(_ pair: Pair) throws {
        let costs = try [1e-3, 1e-5, 1e-7, 1e-9].map { try pair.epsilon([pair.event], delta: $0) }
        #expect(zip(costs, costs.dropFirst()).allSatisfy { $0 <= $1 }, "\(costs)")
        #expect(costs[0] < costs[3] || costs[0] == costs[3] && pair.isPure)
    }

    @Test(arguments: known) func moreReleasesCostMore(_ pair: Pair) throws {
        let costs = try [1, 2, 5, 40].map { try pair.epsilon([pair.repeated($0)]) }
        #expect(zip(costs, costs.dropFirst()).allSatisfy { $0 < $1 }, "\(costs)")
        // Nor more than each for itself.
        #expect(costs[1] <= 2 * (try pair.epsilon([pair.event], delta: 0.5e-6)) * (1 + 1e-9))
    }

    @Test(arguments: known) func stepsAreAsManyEvents(_ pair: Pair) throws {
        let together = try pair.epsilon([pair.repeated(6)])
        let apart = try pair.epsilon(Array(repeating: pair.event, count: 6))
        #expect(abs(together - apart) <= 1e-9 * together)
    }

    @Test(arguments: examples.map(\.event)) func likeEventsComposeToOne(_ event: PrivacyEvent) {
        for count in [1, 2, 7] {
            let composed = PrivacyEvent.composed(Array(repeating: event, count: count))
            #expect(composed == [event.repeated(count)])
            #expect(composed.first?.repetitions(of: event) == count)
        }
        #expect(event.repetitions(of: event.repeated(2)) == nil)
        #expect(event.repeated(3).repetitions(of: event.repeated(2)) == nil)
        let other = PrivacyEvent(mechanism: .gaussian(noiseMultiplier: 77))
        #expect(event.repetitions(of: other) == nil)
        // A ledger from elsewhere may say anything: too many are as many as there can be.
        let most = event.repeated(.max)
        #expect(PrivacyEvent.composed([most, most]) == [most] && most.repeated(3) == most)
    }

    @Test(arguments: known) func theOrderOfEventsDoesNotMatter(_ pair: Pair) throws {
        let other = PrivacyEvent(
            mechanism: .gaussian(noiseMultiplier: 5), adjacency: pair.event.adjacency, steps: 3)
        let forward = try pair.epsilon([pair.event, other, pair.repeated(2)])
        let backward = try pair.epsilon([pair.repeated(2), other, pair.event])
        #expect(abs(forward - backward) <= 1e-6 * forward)
        #expect(forward > (try pair.epsilon([pair.repeated(3)])), "what is beside it costs too")
    }

    @Test(arguments: known) func bestIsTheLeastOfTheOthers(_ pair: Pair) throws {
        let best = try PrivacyGuarantee.of([pair.event], delta: 1e-6).epsilon
        #expect(best <= (try pair.epsilon([pair.event])) * (1 + 1e-12))
    }
}

extension AccountantContractTests.Pair {
    /// So many of the event: a tree has participations where others have steps.
    func repeated(_ count: Int) -> PrivacyEvent {
        var many = event
        if case .tree(let multiplier, let participations) = event.mechanism {
            many.mechanism = .tree(noiseMultiplier: multiplier, participations: participations * count)
        } else {
            many.steps = event.steps * count
        }
        return many
    }

    /// Whether the mechanism promises its ε at δ = 0: a δ may then buy nothing.
    var isPure: Bool { if case .laplace = event.mechanism { true } else { false } }
}
