package import Configuration

/// FedYogi (Reddi et al. 2021, algorithm 2): `v = v − (1 − β₂) Δ² sign(v − Δ²)`, which moves v by no more than Δ² asks
/// for; the rest as ``AdaptiveMoments`` says.
package struct ServerYogi: ServerRule {
    private let moments: AdaptiveMoments

    package init(_ section: Section) throws { moments = try AdaptiveMoments(section) }

    package var settings: [String: JSONValue] { moments.settings }
    package let stateNames = AdaptiveMoments.stateNames

    package func update(_ pass: ServerPass) { moments.update(pass, by: Self.self) }
}

extension ServerYogi: SecondMoment {
    static func next(_ moment: Float, _ square: Float, keep: Float, take: Float) -> Float {
        moment - take * square * (moment > square ? 1 : moment < square ? -1 : 0)
    }
}
