internal import Federation

/// What `privacy_attack` in `summary.json` says. Exact values of simulated clients: not releasable.
package struct PrivacyAttackOutcome: Codable, Equatable, Sendable {
    /// Always false: what an attack found is what privacy is to hide.
    package var releasable = false
    package var gradientInversion: InversionOutcome?
    package var membershipInference: MembershipOutcome?

    private enum CodingKeys: String, CodingKey {
        case releasable
        case gradientInversion = "gradient_inversion"
        case membershipInference = "membership_inference"
    }
}

/// The attacks on privacy of one run, checked before it and made after it.
struct PrivacyAttacks {
    /// What the attacks came to, what the report shows beside, and what went wrong, one line each.
    struct Result {
        var outcome = PrivacyAttackOutcome()
        var exhibits = PrivacyExhibits()
        var warnings: [String] = []
    }

    private let inversion: InversionAttack?
    private let membership: MembershipAttack?
    private let configuration: PrivacyAttackConfiguration

    /// Throws ``ConfigurationError`` where an attack has no meaning in the scenario.
    init(_ configuration: PrivacyAttackConfiguration, _ setup: SimulationSetup) throws {
        self.configuration = configuration
        inversion = try configuration.inversion.map { try InversionAttack($0, setup) }
        membership = try configuration.membership.map { try MembershipAttack($0, setup) }
    }

    /// An observer of the run that keeps what the attacks need of it.
    func witness(_ simulator: Simulator, _ observer: any SimulationObserver) -> RoundWitness {
        RoundWitness(simulator, round: configuration.inversion?.round ?? 0, observer: observer)
    }

    /// Makes the attacks. `witness` was the run's observer.
    func run(_ witness: RoundWitness) throws -> Result {
        var result = Result()
        if let inversion {
            if let before = witness.before {
                do {
                    let (outcome, pictures) = try inversion.run(before: before, after: witness.after)
                    (result.outcome.gradientInversion, result.exhibits.pictures) = (outcome, pictures)
                } catch let problem as StepOutOfOrder {
                    result.warnings.append("gradient inversion: the client reports nothing: \(problem)")
                }
            } else {
                result.warnings.append(
                    "gradient inversion: the model before its round is gone; run again without --resume")
            }
        }
        if let (outcome, curves) = try membership?.run({ _ in witness.wantsToStop }) {
            (result.outcome.membershipInference, result.exhibits.curves) = (outcome, curves)
        } else if membership != nil {
            result.warnings.append("membership inference: interrupted; nothing of it is kept")
        }
        return result
    }
}

/// What the report shows of attacks on privacy, and no summary has.
package struct PrivacyExhibits: Sendable {
    var pictures: InversionPictures?
    var curves: MembershipCurves?

    /// Nothing to show.
    package init() {}
}
