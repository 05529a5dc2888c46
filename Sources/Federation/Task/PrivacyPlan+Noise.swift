package import Encoding
package import Privacy

/// Who draws which noise.
extension PrivacyPlan {
    /// The mode of a task's privacy, with the noise that it needs.
    enum Noise: Sendable {
        /// The server, on each round's sum. `count` is that of the count of unclipped updates, where clipping adapts.
        case central(any PrivacyMechanism, count: (any PrivacyMechanism)?)
        /// The server, over rounds (DP-FTRL).
        case tree(TreeAggregation)
        /// The server, over rounds by a matrix; `whole` is the independent noise on the grid.
        case matrix(MatrixNoise, whole: RoundedGaussian)
        /// Each client, all of it on its own update.
        case local(any PrivacyMechanism)
        /// The clients in shares, `share` being that of the greatest cohort, and the server what may be missing.
        case distributed(SharedNoise, share: any PrivacyMechanism)
    }

    /// The noise that whoever adds noise draws: the server on the sum, or each client, whole (`local`) or a share
    /// (`distributed`).
    package var mechanism: any PrivacyMechanism {
        switch noise {
        case .central(let mechanism, _), .local(let mechanism), .distributed(_, share: let mechanism):
            mechanism
        case .tree(let tree): tree.mechanism
        case .matrix(_, let whole): whole
        }
    }

    /// Name of the mechanism as configurations and reports write it.
    package var mechanismName: String {
        switch noise {
        case .tree, .matrix: configuration.mechanism
        case .central, .local, .distributed: mechanism.name
        }
    }

    /// Noise over rounds in trees (DP-FTRL); nil where there is none.
    package var tree: TreeAggregation? {
        if case .tree(let tree) = noise { tree } else { nil }
    }

    /// Noise over rounds by a matrix; nil where there is none.
    package var matrix: MatrixNoise? {
        if case .matrix(let matrix, _) = noise { matrix } else { nil }
    }

    /// Distance of neighbouring sums in norms of one update.
    var distance: Double { configuration.adjacency == .replaceOne ? 2 : 1 }

    // MARK: Reports

    /// Ring and grid of the reports.
    package var codec: FixedPointCodec { FixedPointCodec(bits: bits, scale: rounding.scale) }

    /// Largest squared norm of one encoded update, in grid units squared.
    package var squaredNormBound: UInt64 { rounding.squaredNormBound }

    /// Whether half a grid unit is less than 1/8192 of the noise's deviation: the bias of rounding to nearest is
    /// then beneath notice. The norm bound is the same either way.
    package var roundsToNearest: Bool {
        if case .distributed = noise { false } else { mechanism.variance >= 0x1p24 }
    }

    /// Whether updates are rotated at random before rounding, so that no coordinate of a sum stands out and wraps.
    package var rotates: Bool { if case .distributed = noise { true } else { false } }

    /// Grid points a model unit while updates are clipped to `norm`: a clipped update fills the same ball of
    /// integers whatever the norm, so that the noise need not change with it.
    package func scale(forClippingNorm norm: Double) -> Double {
        rounding.scale * (configuration.clippingNorm / norm)
    }

    // MARK: The clients' noise

    /// Whether each client adds noise to its own update.
    var clientsAddNoise: Bool {
        switch noise {
        case .local, .distributed: true
        case .central, .tree, .matrix: false
        }
    }

    /// What each client adds to its update in a round of so many members: all of the noise (`local`), a share
    /// (`distributed`), or nothing (nil).
    package func clientNoise(members: Int) throws -> (any PrivacyMechanism)? {
        switch noise {
        case .central, .tree, .matrix: nil
        case .local(let mechanism): mechanism
        case .distributed(let shared, _): try shared.share(members: members)
        }
    }

    /// The noise of every client in every round; nil where clients add none, or the round's members say how much.
    var ownNoise: (any PrivacyMechanism)? {
        switch noise {
        case .local(let mechanism): mechanism
        case .distributed(let shared, share: let greatest): shared.shares.followsMembers ? nil : greatest
        case .central, .tree, .matrix: nil
        }
    }

    /// Smallest share of the invited whose sum may be released, 0 to 1.
    var minimumShare: Double {
        guard case .distributed(let shared, _) = noise, shared.shares.followsMembers else { return 0 }
        return 1 - shared.shares.dropoutRate
    }

    // MARK: The server's noise

    /// The noise that the server adds to the sum of these survivors of a round of `members`, so that sums of every
    /// size have one variance; nil for none. It counts against whoever sees released models, never against the server.
    package func topUpNoise(members: Int, survivors: Int) throws -> (any PrivacyMechanism)? {
        guard case .distributed(let shared, _) = noise else { return nil }
        return try shared.topUp(members: members, survivors: survivors)
    }

    /// Whether the server adds noise of each round's own, which can be drawn before there is a sum.
    package var drawsAhead: Bool { if case .central = noise { true } else { false } }

    /// Draws a round's noise ahead of its sum; nil where the server adds none of the round's own. `coordinates` is the
    /// length of a report. Throws the source's error.
    package func drawAhead(coordinates: Int, from source: inout some NoiseSource) throws -> DrawnNoise? {
        guard case .central = noise else { return nil }
        var vector = RingVector(zeros: coordinates, bits: codec.bits)
        try addRoundNoise(to: &vector, from: &source)
        return DrawnNoise(vector: vector)
    }

    /// Adds the server's noise, all of it, to the exact sum of a charged round. This is the only place that decides
    /// who does. After a thrown error (a source's) the sum must not be used.
    ///
    /// Reduction modulo 2^bits comes after the noise, so that a wrap is post-processing and can hurt accuracy only.
    func addServerNoise(
        to sum: inout RingVector, of exact: ExactSum, charge: Int, from sources: some ServerNoiseSources
    ) throws {
        switch noise {
        case .central:
            if let drawn = try sources.drawnAhead() { return sum.add(drawn.vector) }
            var source = try sources.fresh()
            try addRoundNoise(to: &sum, from: &source)
        case .tree, .matrix:
            var noise = [Int64](repeating: 0, count: rounding.dimension)
            let history = sources.history
            try noise.withUnsafeMutableBufferPointer {
                try tree?.drawIncrement(step: charge, into: $0, history: history, source: sources.keyed)
                try matrix?.draw(round: charge, into: $0, history: history, source: sources.keyed)
            }
            noise.withUnsafeBufferPointer { sum.add(integers: $0) }
        case .local: break
        case .distributed(let shared, _):
            guard let missing = try shared.topUp(members: exact.members, survivors: exact.survivors) else {
                return
            }
            var source = try sources.fresh()
            let noise = try missing.draw(count: rounding.dimension, from: &source)
            noise.withUnsafeBufferPointer { sum.add(integers: $0) }
        }
    }

    private func addRoundNoise(to sum: inout RingVector, from source: inout some NoiseSource) throws {
        guard case .central(let mechanism, let count) = noise else { return }
        let dimension = rounding.dimension
        try mechanism.draw(count: dimension, from: &source) { sum.add(integers: $1, at: $0) }
        try count?.draw(count: 1, from: &source) { sum.add(integers: $1, at: dimension + $0) }
    }
}
