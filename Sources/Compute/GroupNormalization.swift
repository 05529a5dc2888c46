internal import CKernels

/// y = gain ⊙ x̂ + bias with x̂ = (x − mean) / √(variance + epsilon) over each group of an image's channels (Wu and He
/// 2018); gain and bias have a value a channel.
package struct GroupNormalization: Sendable {
    private let groups: Int
    private let channels: Int
    private let plane: Int
    private let epsilon: Float

    /// Images of `channels` planes of `plane` values; `groups` divides `channels`.
    package init(channels: Int, plane: Int, groups: Int, epsilon: Float) {
        precondition(groups > 0 && channels % groups == 0, "groups of unlike sizes")
        (self.channels, self.plane, self.groups, self.epsilon) = (channels, plane, groups, epsilon)
    }

    /// Floats of an image's statistics and of its sums.
    package var statisticsCount: Int { 2 * groups }
    package var sumsCount: Int { 2 * channels }

    private var shape: sordino_groups {
        sordino_groups(groups: groups, channels: channels / groups, plane: plane)
    }

    /// Writes one image's output and, for the passes back, its ``statisticsCount`` statistics.
    package func forward(
        _ output: UnsafeMutablePointer<Float>, statistics: UnsafeMutablePointer<Float>,
        input: UnsafePointer<Float>, gain: UnsafePointer<Float>, bias: UnsafePointer<Float>
    ) {
        var shape = shape
        sordino_group_norm(output, statistics, input, gain, bias, &shape, epsilon)
    }

    /// Writes one image's gradients of the gain and of the bias, [2, channels].
    package func gradients(
        _ sums: UnsafeMutablePointer<Float>, outputDelta: UnsafePointer<Float>, input: UnsafePointer<Float>,
        statistics: UnsafePointer<Float>
    ) {
        var shape = shape
        sordino_group_norm_sums(sums, outputDelta, input, statistics, &shape)
    }

    /// Writes one image's delta of the input from what the two passes above left.
    package func inputDelta(
        _ inputDelta: UnsafeMutablePointer<Float>, outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, statistics: UnsafePointer<Float>, sums: UnsafePointer<Float>,
        gain: UnsafePointer<Float>
    ) {
        var shape = shape
        sordino_group_norm_backward(inputDelta, outputDelta, input, statistics, sums, gain, &shape)
    }
}
