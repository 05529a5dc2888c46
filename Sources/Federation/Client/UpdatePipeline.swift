package import Compute
package import Encoding
internal import Learning
package import Privacy

/// Why a client's update cannot be reported.
package enum UpdateRefusal: Error, Equatable, CustomStringConvertible {
    /// Training ended in values that are not finite.
    case notFinite
    /// The unclipped, weighted update leaves the range of the ring.
    case outOfRange
    /// Stochastic rounding found no encoding within the norm bound.
    case roundingFailed

    package var description: String {
        switch self {
        case .notFinite: "training diverged: the update is not finite; lower the learning rate"
        case .outOfRange: "the update is too large for the ring; lower the learning rate, or clip"
        case .roundingFailed: "no rounding of the update keeps its norm bound"
        }
    }
}

/// What is known at the client of one encoded update; none of it may leave the host.
package struct UpdateDiagnostics: Equatable, Sendable {
    /// L2 norm of the update before clipping.
    package var norm: Double
    package var wasClipped: Bool
}

/// From a trained model to the integers of a report: delta → weight → clip → fixed point → noise.
///
/// One pipeline belongs to one worker and is used for many clients; its buffers are allocated once. What it
/// yields depends on the arguments alone.
package struct UpdatePipeline {
    private let scale: Double
    private let privacy: PrivacyPlan?
    /// Parameters of the model, and coordinates of the vector that is clipped and noised as a whole.
    private let parameterCount: Int
    private let dimension: Int
    private let metrics: MetricsPlan?
    private let weighsUniformly: Bool
    /// The clipped update with the client's metrics behind it; empty where none ride along.
    private var extended: [Float]
    /// The encoded report: the update's coordinates, then the clipping indicator where clipping adapts.
    private var encoded: [Int32]
    /// The rotated update; empty where the plan does not rotate.
    private var rotated: [Float]
    /// Random words of stochastic rounding; empty where the grid is fine enough to round to nearest.
    private var coins: [UInt32]
    private let roundsToNearest: Bool
    /// Bounds of the tensors, where each is clipped on its own, and the update clipped so.
    private let layers: LayerClipping?
    private var layered: [Float]
    /// Where the update is rounded as it is added, all that is kept is its weight and, with privacy, its factor.
    private var weight = 0
    private var factor = 0.0
    private let roundsWhenAdded: Bool

    /// Allocates the buffers for reports of the plan. `onlyAdds` says that reports will be added here, to a sum in
    /// memory, and no ``report(bits:)`` asked for: then a plain clipped update needs one pass less.
    package init(plan: TaskPlan, onlyAdds: Bool = false) {
        scale = plan.codec.scale
        privacy = plan.privacy
        parameterCount = plan.dimension
        dimension = plan.vectorDimension
        metrics = plan.metrics
        weighsUniformly = plan.weighsUniformly
        extended = [Float](repeating: 0, count: plan.metrics == nil ? 0 : plan.vectorDimension)
        encoded = [Int32](repeating: 0, count: plan.privacy == nil ? 0 : plan.reportDimension)
        rotated = [Float](repeating: 0, count: plan.privacy?.rotates == true ? plan.vectorDimension : 0)
        roundsToNearest = plan.privacy?.roundsToNearest ?? true
        coins = [UInt32](repeating: 0, count: roundsToNearest ? 0 : plan.vectorDimension)
        layers = plan.layerClipping
        layered = [Float](repeating: 0, count: plan.layerClipping == nil ? 0 : plan.dimension)
        let isPlain = plan.metrics == nil && plan.layerClipping == nil
        roundsWhenAdded =
            plan.privacy.map { privacy in
                onlyAdds && isPlain && privacy.roundsToNearest && !privacy.clientsAddNoise
                    && privacy.adaptiveClipping == nil
            } ?? true
    }

    /// Encodes the change that training made. With privacy it is clipped to `clippingNorm` and every client
    /// weighs 1; without, it is weighted by `examples`, unless single records are protected.
    ///
    /// `share` is the noise to add where that follows the round's members (``PrivacyPlan/clientNoise(members:)``).
    /// `said` are the client's metrics, where the plan has them ride along.
    /// Returns the weight and what the client may know of its update. Draws the local noise from `source` where
    /// the plan says so. Throws ``UpdateRefusal``, or the source's error; the client then reports nothing.
    package mutating func encode(
        _ delta: UnsafeBufferPointer<Float>, examples: Int, clippingNorm: Double,
        rotation: RandomRotation? = nil, share: (any PrivacyMechanism)? = nil,
        metrics said: ClientMetrics? = nil, rounding: inout SeededGenerator,
        noise source: inout some NoiseSource
    ) throws -> (weight: Int, diagnostics: UpdateDiagnostics) {
        guard let layers else {
            return try encodeWhole(
                delta, examples: examples, clippingNorm: clippingNorm, rotation: rotation, share: share,
                metrics: said, rounding: &rounding, noise: &source)
        }
        let norm = (delta.baseAddress.map { Kernels.squareNorm($0, count: delta.count) } ?? 0).squareRoot()
        guard norm.isFinite else { throw UpdateRefusal.notFinite }
        try layered.withUnsafeMutableBufferPointer {
            _ = $0.update(fromContentsOf: delta)
            try layers.clip($0)
        }
        let clipped = layered  // Shares the buffer: nothing writes to it meanwhile.
        let (weight, diagnostics) = try clipped.withUnsafeBufferPointer {
            try encodeWhole(
                $0, examples: examples, clippingNorm: clippingNorm, rotation: rotation, share: share,
                metrics: said, rounding: &rounding, noise: &source)
        }
        let wasClipped = diagnostics.wasClipped || diagnostics.norm < norm * (1 - 1e-6)
        return (weight, UpdateDiagnostics(norm: norm, wasClipped: wasClipped))
    }

    private mutating func encodeWhole(
        _ delta: UnsafeBufferPointer<Float>, examples: Int, clippingNorm: Double,
        rotation: RandomRotation?, share: (any PrivacyMechanism)?,
        metrics said: ClientMetrics?, rounding: inout SeededGenerator, noise source: inout some NoiseSource
    ) throws -> (weight: Int, diagnostics: UpdateDiagnostics) {
        precondition(delta.count == parameterCount, "an update of another layout")
        let squared = delta.baseAddress.map { Kernels.squareNorm($0, count: delta.count) } ?? 0
        guard squared.isFinite else { throw UpdateRefusal.notFinite }
        let norm = squared.squareRoot()
        guard let privacy else {
            weight = weighsUniformly ? 1 : examples
            // No coordinate is larger than the norm.
            guard norm * scale * Double(weight) < Aggregation.largestUnclipped else {
                throw UpdateRefusal.outOfRange
            }
            return (weight, UpdateDiagnostics(norm: norm, wasClipped: false))
        }
        weight = 1
        let ownNorm = clippingNorm * (metrics?.updateShare ?? 1)
        let wasClipped = norm > ownNorm
        let scale = privacy.scale(forClippingNorm: clippingNorm)
        // Rounding to nearest may lengthen a vector by √d/2 grid units; left room for, it keeps every bound.
        let room = roundsToNearest ? 0.5 * Double(dimension).squareRoot() : 0
        if let metrics {
            guard let said else { preconditionFailure("the plan wants metrics") }
            extend(delta, by: min(1, ownNorm / norm), metrics.coordinates(said, clippingNorm: clippingNorm))
            let whole = extended  // Shares the buffer: nothing writes to it meanwhile.
            try whole.withUnsafeBufferPointer { whole in
                let factor = scale * min(1, 1 - room / (clippingNorm * scale))
                try round(whole, rotation, factor: factor, within: privacy.squaredNormBound, using: &rounding)
            }
        } else {
            factor = min(scale, (clippingNorm * scale - room) / norm)
            if roundsWhenAdded { return (1, UpdateDiagnostics(norm: norm, wasClipped: wasClipped)) }
            try round(delta, rotation, factor: factor, within: privacy.squaredNormBound, using: &rounding)
        }
        if privacy.adaptiveClipping != nil { encoded[dimension] = wasClipped ? -1 : 1 }
        switch privacy.noise {
        case .central, .tree: break
        case .local(let mechanism): try addNoise(share ?? mechanism, from: &source)
        case .distributed(let shared, share: let greatest):
            precondition(
                share != nil || !shared.shares.followsMembers, "the share of a plan is no round's share")
            try addNoise(share ?? greatest, from: &source)
        }
        return (1, UpdateDiagnostics(norm: norm, wasClipped: wasClipped))
    }

    /// The update of a client whose local work failed where nobody may see that it did: no change, and metrics of a
    /// fixed value, encoded and noised as any other. `nothing` is as many zeros as the model has parameters.
    package mutating func encodeNothing(
        _ nothing: UnsafeBufferPointer<Float>, examples: Int, clippingNorm: Double,
        rotation: RandomRotation? = nil, share: (any PrivacyMechanism)? = nil,
        rounding: inout SeededGenerator, noise source: inout some NoiseSource
    ) throws -> Int {
        try encode(
            nothing, examples: examples, clippingNorm: clippingNorm, rotation: rotation, share: share,
            metrics: metrics == nil ? nil : .nothing, rounding: &rounding, noise: &source
        ).weight
    }

    /// Fills `extended` with the update times `factor` and the metrics' coordinates.
    private mutating func extend(
        _ delta: UnsafeBufferPointer<Float>, by factor: Double, _ coordinates: [Float]
    ) {
        let factor = Float(factor).nextDown
        extended.withUnsafeMutableBufferPointer { extended in
            for index in 0..<delta.count { extended[index] = delta[index] * factor }
            for (index, value) in coordinates.enumerated() { extended[delta.count + index] = value }
        }
    }

    /// The clipped update that was encoded last as a vector of the plan's ring, for masking. Not for a pipeline that
    /// only adds.
    package func report(bits: Int) -> RingVector {
        precondition(!roundsWhenAdded, "this pipeline only adds")
        return RingVector(narrow: encoded.map { UInt32(bitPattern: $0) }, bits: bits)
    }

    /// Adds the update that was encoded last, `delta` still being the same, to a sum. Throws ``UpdateRefusal``, and
    /// nothing is added, where its integers are longer than the norm bound.
    package func add(_ delta: UnsafeBufferPointer<Float>, to aggregation: inout Aggregation) throws {
        guard let privacy else {
            aggregation.add(rounding: delta, factor: scale * Double(weight), weight: weight)
            return
        }
        guard roundsWhenAdded else {
            encoded.withUnsafeBufferPointer { aggregation.add(integers: $0, weight: weight) }
            return
        }
        let isWithin = aggregation.add(
            nearest: delta, factor: factor, squaredNormBound: privacy.squaredNormBound, weight: weight)
        guard isWithin else { throw UpdateRefusal.roundingFailed }
    }

    /// Conditional stochastic rounding (Kairouz et al. 2021, section 4): rounds each scaled value up or down at
    /// random, without bias, until the integer vector keeps the norm bound, which is checked in integers. On a
    /// grid far below the noise, rounding to nearest does as well and always keeps the bound.
    private mutating func round(
        _ delta: UnsafeBufferPointer<Float>, _ rotation: RandomRotation?, factor: Double,
        within bound: UInt64,
        using generator: inout SeededGenerator
    ) throws {
        if let rotation {
            rotated.withUnsafeMutableBufferPointer {
                _ = $0.update(fromContentsOf: delta)
                rotation.forward($0)
            }
        }
        for _ in 0..<GridRounding.maximalTries {
            if !roundsToNearest { coins.withUnsafeMutableBufferPointer { generator.fill($0) } }
            let squared =
                rotation == nil
                ? Self.round(delta, into: &encoded, factor: factor, coins)
                : rotated.withUnsafeBufferPointer { Self.round($0, into: &encoded, factor: factor, coins) }
            if let squared, squared <= bound { return }
        }
        throw UpdateRefusal.roundingFailed
    }

    /// One rounding into the first places of `encoded`; returns its squared norm, nil where that exceeds 64 bits.
    private static func round(
        _ values: UnsafeBufferPointer<Float>, into encoded: inout [Int32], factor: Double, _ coins: [UInt32]
    ) -> UInt64? {
        encoded.withUnsafeMutableBufferPointer { encoded in
            let update = UnsafeMutableBufferPointer(rebasing: encoded[..<values.count])
            return coins.withUnsafeBufferPointer {
                Kernels.round(into: update, values, factor: factor, coins: $0.isEmpty ? nil : $0)
            }
        }
    }

    private mutating func addNoise(
        _ mechanism: any PrivacyMechanism, from source: inout some NoiseSource
    ) throws {
        try encoded.withUnsafeMutableBufferPointer { encoded in
            try mechanism.draw(count: encoded.count, from: &source) { start, noise in
                // Reduced modulo 2^32 like the sum that it becomes part of.
                for index in noise.indices {
                    encoded[start + index] &+= Int32(truncatingIfNeeded: noise[index])
                }
            }
        }
    }
}
