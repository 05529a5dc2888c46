internal import CKernels

/// Windows over the planes of images, without dilation: the largest value of each, or the mean.
///
/// Images are [planes, height, width], planes of all channels and examples in a row.
package struct Pooling: Sendable {
    /// Places of a window that maxima can be told apart in.
    package static let mostPlaces = 256

    private let vertical: WindowAxis
    private let horizontal: WindowAxis

    /// Every axis has at least one window, and every window a place in the image; a window has at most ``mostPlaces``.
    package init(vertical: WindowAxis, horizontal: WindowAxis) {
        for axis in [vertical, horizontal] {
            precondition(axis.output > 0 && axis.dilation == 1, "a window that does not fit")
            precondition(
                max(axis.leading, axis.trailing) < axis.kernel, "a window that lies outside the image")
        }
        precondition(vertical.kernel * horizontal.kernel <= Self.mostPlaces, "a window of too many places")
        (self.vertical, self.horizontal) = (vertical, horizontal)
    }

    /// Values of one plane at the output.
    package var outputCount: Int { vertical.output * horizontal.output }

    private var window: sordino_window {
        sordino_window(
            height: vertical.size, width: horizontal.size, kernel_height: vertical.kernel,
            kernel_width: horizontal.kernel, vertical_stride: vertical.stride,
            horizontal_stride: horizontal.stride, top: vertical.leading, left: horizontal.leading,
            out_height: vertical.output, out_width: horizontal.output)
    }

    /// Writes the largest value of each window, NaN where one is, and to `winners` its place in the window.
    package func maximum(
        _ output: UnsafeMutablePointer<Float>, winners: UnsafeMutablePointer<UInt8>,
        input: UnsafePointer<Float>, planes: Int
    ) {
        var window = window
        sordino_max_pool(output, winners, input, planes, &window)
    }

    /// Writes the input's delta of ``maximum(_:winners:input:planes:)``: a window's goes to the place that won.
    package func maximumBackward(
        _ inputDelta: UnsafeMutablePointer<Float>, outputDelta: UnsafePointer<Float>,
        winners: UnsafePointer<UInt8>, planes: Int
    ) {
        var window = window
        sordino_max_pool_backward(inputDelta, outputDelta, winners, planes, &window)
    }

    /// Writes the mean of each window, padding counted as zeros.
    package func average(
        _ output: UnsafeMutablePointer<Float>, input: UnsafePointer<Float>, planes: Int
    ) {
        var window = window
        sordino_average_pool(output, input, planes, &window)
    }

    /// Writes the input's delta of ``average(_:input:planes:)``.
    package func averageBackward(
        _ inputDelta: UnsafeMutablePointer<Float>, outputDelta: UnsafePointer<Float>, planes: Int
    ) {
        var window = window
        sordino_average_pool_backward(inputDelta, outputDelta, planes, &window)
    }
}

extension Kernels {
    /// output[p] = scale * the sum of the `size` values of plane p of x.
    package static func sumPlanes(
        into output: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, planes: Int, size: Int,
        scale: Float
    ) {
        sordino_sum_planes(output, x, planes, size, scale)
    }

    /// All `size` values of plane p of output = scale * values[p].
    package static func fillPlanes(
        _ output: UnsafeMutablePointer<Float>, with values: UnsafePointer<Float>, planes: Int, size: Int,
        scale: Float
    ) {
        sordino_fill_planes(output, values, planes, size, scale)
    }

    /// output[m, c, r] = x[m, r, c], for `matrices` of `rows` by `columns`.
    package static func transpose(
        _ output: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, matrices: Int, rows: Int,
        columns: Int
    ) {
        sordino_transpose(output, x, matrices, rows, columns)
    }
}
