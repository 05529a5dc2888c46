/// What per-example private training (DP-SGD, Abadi et al. 2016) needs from outside: secret batches and noise.
///
/// Learning may know neither cryptography nor privacy accounting; whoever owns both conforms to this.
package protocol GradientPrivatizer: AnyObject {
    /// Draws the next Poisson batch: every position in `0..<count` joins independently with the accounted
    /// probability, from a secret source. Writes the chosen positions in any order to `positions`, which has
    /// room for `count`, and returns how many there are.
    func nextBatch(of count: Int, into positions: UnsafeMutableBufferPointer<Int32>) throws -> Int
    /// A seed from a secret source, for what is drawn at random while a model trains on single examples.
    func secretSeed() throws -> UInt64
    /// Adds noise to the sum of clipped gradients, in place. One example changes the sum by at most the
    /// clipping norm in L2. Called once a step, also for an empty batch.
    func privatize(sum: UnsafeMutableBufferPointer<Float>) throws
}

/// The size of private training: how long, and how an example's influence is bounded.
package struct PrivateTrainingPlan: Sendable, Equatable {
    /// Largest L2 norm of one example's gradient.
    package let clippingNorm: Double
    /// Number of steps, fixed in advance as the accountant needs it.
    package let steps: Int
    /// Mean size of a Poisson batch, sampling probability × examples: noisy sums are divided by it, because
    /// the true size is secret.
    package let expectedBatchSize: Double

    /// All three must be above zero.
    package init(clippingNorm: Double, steps: Int, expectedBatchSize: Double) {
        precondition(clippingNorm > 0 && steps > 0 && expectedBatchSize > 0, "a plan's numbers are positive")
        self.clippingNorm = clippingNorm
        self.steps = steps
        self.expectedBatchSize = expectedBatchSize
    }
}
