import Testing

@testable import Privacy

/// Taking like events together must not change what they cost.
@Suite struct CompositionTests {
    private static let kinds: [PrivacyEvent] = [
        PrivacyEvent(mechanism: .gaussian(noiseMultiplier: 4), steps: 3),
        PrivacyEvent(
            mechanism: .gaussian(noiseMultiplier: 1.5), sampling: .poisson(probability: 0.05), steps: 20),
        PrivacyEvent(mechanism: .tree(noiseMultiplier: 6, participations: 1), steps: 10),
        PrivacyEvent(mechanism: .tree(noiseMultiplier: 6, participations: 2), steps: 10),
        PrivacyEvent(mechanism: .tree(noiseMultiplier: 6, participations: 1), steps: 16),
        PrivacyEvent(mechanism: .skellam(variance: 400, sensitivity: .init(l2: 5, dimension: 8)), steps: 2),
    ]

    @Test(arguments: [
        [0, 0, 0], [2, 2], [2, 3, 2], [2, 4, 2, 4], [1, 2, 1, 2, 0], [5, 2, 5, 0, 1, 4, 3],
    ])
    func composedEventsCostTheSame(order: [Int]) throws {
        let events = order.map { Self.kinds[$0] }
        let composed = PrivacyEvent.composed(events)
        #expect(composed.count <= Set(order).count)
        let one = try RDPAccountant(events).guarantee(delta: 1e-6).epsilon
        let other = try RDPAccountant(composed).guarantee(delta: 1e-6).epsilon
        #expect(abs(one / other - 1) < 1e-12)
    }

    /// The steps of a tree are its leaves: two trees of ten are no tree of twenty.
    @Test func treesComposeByParticipation() {
        let tree = Self.kinds[2]
        #expect(
            PrivacyEvent.composed([tree, tree, tree]) == [
                PrivacyEvent(mechanism: .tree(noiseMultiplier: 6, participations: 3), steps: 10)
            ])
    }
}
