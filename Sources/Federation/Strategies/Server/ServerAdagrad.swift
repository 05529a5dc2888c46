package import Configuration

/// FedAdagrad (Reddi et al. 2021, algorithm 2): `v = v + Δ²`, the rest as ``AdaptiveMoments`` says. As in the paper's
/// experiments β₁ is 0 unless given.
package struct ServerAdagrad: ServerRule {
    private let moments: AdaptiveMoments

    package init(_ section: Section) throws {
        moments = try AdaptiveMoments(section, beta1: 0, hasBeta2: false)
    }

    package var settings: [String: JSONValue] { moments.settings }
    package let stateNames = AdaptiveMoments.stateNames

    package func update(_ pass: ServerPass) { moments.update(pass, by: Self.self) }
}

extension ServerAdagrad: SecondMoment {
    static func next(_ moment: Float, _ square: Float, keep: Float, take: Float) -> Float {
        moment + square
    }
}
