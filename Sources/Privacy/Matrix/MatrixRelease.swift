/// A run with correlated noise, as its event says it: one Gaussian mechanism on what its strategy makes of all updates.
package struct MatrixRelease: Hashable, Sendable {
    /// Deviation of the independent noise over `sensitivity` times the sensitivity of one contribution: the multiplier of
    /// the one Gaussian that the run is.
    package var noiseMultiplier: Double
    /// How the strategy was chosen; for readers.
    package var strategy: String
    /// Diagonals of the strategy that are not zero.
    package var bands: Int
    /// Sensitivity of the strategy under the pattern, in norms of one contribution.
    package var sensitivity: Double
    /// Rounds that the noise is for.
    package var rounds: Int
    /// Least distance of two rounds that one unit is in.
    package var separation: Int
    /// Most rounds that one unit is in.
    package var participations: Int

    package init(
        noiseMultiplier: Double, strategy: String, bands: Int, sensitivity: Double, rounds: Int,
        separation: Int, participations: Int
    ) {
        (self.noiseMultiplier, self.strategy, self.bands) = (noiseMultiplier, strategy, bands)
        (self.sensitivity, self.rounds) = (sensitivity, rounds)
        (self.separation, self.participations) = (separation, participations)
    }

    /// More participations than fit apart, or a sensitivity below one contribution's, would be a mistake of whoever wrote
    /// it. Throws ``AccountingError``.
    func validate() throws(AccountingError) {
        try AccountingError.require(
            noiseMultiplier >= 0 && noiseMultiplier.isFinite, "noise_multiplier", noiseMultiplier,
            "must be a finite number, 0 or more")
        try AccountingError.require(rounds >= 1, "rounds", rounds, "must be at least 1")
        try AccountingError.require(separation >= 1, "min_separation", separation, "must be at least 1")
        let room = 1 + (rounds - 1) / separation
        try AccountingError.require(
            (1...room).contains(participations), "max_participations", participations,
            "must lie between 1 and the \(room) that fit")
        try AccountingError.require(
            (1...rounds).contains(bands), "bands", bands, "must lie between 1 and the rounds")
        try AccountingError.require(
            sensitivity >= 1 && sensitivity.isFinite, "matrix_sensitivity", sensitivity,
            "must be a finite number, 1 or more")
        guard !strategy.isEmpty, strategy.utf8.count <= 40 else {
            throw .malformedEvent("\"strategy\" is not a short text")
        }
    }

    /// Throws ``AccountingError`` where an event of such a run claims a sampling, or neighbours that who takes part depends on.
    static func checkClaims(of event: PrivacyEvent) throws(AccountingError) {
        func refuse(_ reason: String) -> AccountingError {
            .unsupported(accountant: "privacy", reason: reason)
        }
        guard event.sampling == .none else {
            throw refuse("a matrix mechanism claims no sampling; use sampling none")
        }
        guard event.adjacency != .addOrRemoveOne else {
            throw refuse("a matrix mechanism is proved for zero-out and replace-one")
        }
    }

    /// An event as accountants take it: what a run with correlated noise costs is what one Gaussian costs.
    static func accounted(_ event: PrivacyEvent) -> PrivacyEvent {
        guard case .matrix(let release) = event.mechanism else { return event }
        var event = event
        event.mechanism = .gaussian(noiseMultiplier: release.noiseMultiplier)
        return event
    }
}
