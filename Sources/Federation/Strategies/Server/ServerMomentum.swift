package import Configuration

/// FedAvgM (Hsu et al. 2019): `velocity = momentum × velocity + meanUpdate`, `model += learningRate × velocity`. It is
/// ``ServerSGD`` with a momentum of 0.9 unless given.
package struct ServerMomentum: ServerRule {
    private let rule: ServerSGD

    package init(_ section: Section) throws { rule = try ServerSGD(section, momentum: 0.9) }

    package var settings: [String: JSONValue] { rule.settings }
    package var stateNames: [String] { rule.stateNames }

    package func update(_ pass: ServerPass) { rule.update(pass) }
}
