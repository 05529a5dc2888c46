package import Configuration

/// FedAdam (Reddi et al. 2021, algorithm 2): `v = β₂ v + (1 − β₂) Δ²`, the rest as ``AdaptiveMoments`` says.
package struct ServerAdam: ServerRule {
    private let moments: AdaptiveMoments

    package init(_ section: Section) throws { moments = try AdaptiveMoments(section) }

    package var settings: [String: JSONValue] { moments.settings }
    package let stateNames = AdaptiveMoments.stateNames

    package func update(_ pass: ServerPass) { moments.update(pass, by: Self.self) }
}

extension ServerAdam: SecondMoment {
    static func next(_ moment: Float, _ square: Float, keep: Float, take: Float) -> Float {
        keep * moment + take * square
    }
}
