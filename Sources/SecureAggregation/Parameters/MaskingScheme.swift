package import Cryptography

/// What hides a member's vector from everybody but the sum.
package enum MaskingScheme: Hashable, Sendable {
    /// Masks as long as the vector, with every neighbour.
    case masks
    /// The vector is encrypted on a lattice under a key of its own, and only the key is masked (ACORN, Bell et al. 2023,
    /// section 3; the first half of Willow, eprint 2024/936).
    case lattice(LatticeParameters)

    /// The scheme's sizes, where it has any.
    var lattice: LatticeParameters? {
        switch self {
        case .masks: nil
        case .lattice(let parameters): parameters
        }
    }

    /// Why a roster of so many members, of whom a share of at least `minimalSurvivors` is opened and `adversarialRate` may work
    /// with the server, cannot use the scheme; nil where it can. Opening a sum on a lattice shows the sum of keys and errors: with
    /// one honest member alone these would be its own.
    package func objection(
        members: Int, minimalSurvivors: Int, adversarialRate: Double
    ) -> String? {
        guard let lattice else { return nil }
        guard members <= lattice.memberCount else {
            return "lattice sizes for \(lattice.memberCount) members, not for \(members)"
        }
        let corrupt = Int((adversarialRate * Double(members)).rounded(.down))
        guard minimalSurvivors - corrupt >= 2 else {
            return
                "of \(minimalSurvivors) survivors of \(members) members, \(corrupt) may be corrupt: a sum on a lattice "
                + "needs two honest ones"
        }
        return nil
    }
}
