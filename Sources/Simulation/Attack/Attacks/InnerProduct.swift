package import Configuration

/// Inner-product manipulation (Xie et al. 2020, section 4): −ε μ, the honest mean turned round.
package struct InnerProduct: Attack {
    /// ε.
    private let scale: Double

    package init(_ section: Section) throws { scale = try section.positive("scale") ?? 0.5 }

    package var settings: [String: JSONValue] { ["scale": .number(scale)] }

    package var watchesHonest: Bool { true }

    package func crafted(from honest: HonestUpdates, in round: AttackedRound) -> [Float] {
        honest.mean().map { Float(-scale * $0) }
    }
}
