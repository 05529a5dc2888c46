internal import CKernels

/// Optimiser updates: one pass over parameters, gradient and state. The formulas are PyTorch's documented ones.
package enum OptimizerKernels {
    /// w -= rate * (g + decay * w).
    package static func sgd(
        _ w: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, rate: Float, decay: Float, count: Int
    ) {
        sordino_sgd(w, g, rate, decay, count)
    }

    /// v = momentum * v + g', then w -= rate * v, or rate * (g' + momentum * v) for Nesterov; g' = g + decay * w.
    package static func momentum(
        _ w: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, velocity v: UnsafeMutablePointer<Float>,
        rate: Float, momentum: Float, decay: Float, nesterov: Bool, count: Int
    ) {
        sordino_momentum(w, g, v, rate, momentum, decay, nesterov ? 1 : 0, count)
    }

    /// Adam with the bias corrections given: w = shrink * w - rate/correction1 * m / (√v / √correction2 + epsilon).
    package static func adam(
        _ w: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, mean m: UnsafeMutablePointer<Float>,
        square v: UnsafeMutablePointer<Float>, rateOverCorrection: Float, beta1: Float, beta2: Float,
        rootOfCorrection2: Float, epsilon: Float, coupledDecay: Float, shrink: Float, count: Int
    ) {
        sordino_adam(
            w, g, m, v, rateOverCorrection, beta1, beta2, rootOfCorrection2, epsilon, coupledDecay, shrink,
            count)
    }

    /// v = alpha * v + (1 - alpha) * g'², w -= rate * g' / (√v + epsilon); g' = g + decay * w.
    package static func rmsprop(
        _ w: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, square v: UnsafeMutablePointer<Float>,
        rate: Float, alpha: Float, epsilon: Float, decay: Float, count: Int
    ) {
        sordino_rmsprop(w, g, v, rate, alpha, epsilon, decay, count)
    }

    /// v += g'², w -= rate * g' / (√v + epsilon); g' = g + decay * w.
    package static func adagrad(
        _ w: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, square v: UnsafeMutablePointer<Float>,
        rate: Float, epsilon: Float, decay: Float, count: Int
    ) {
        sordino_adagrad(w, g, v, rate, epsilon, decay, count)
    }

    /// g += l2 * w + l1 * sign(w) + proximal * (w - anchor); `anchor` may be nil where `proximal` is 0.
    package static func regularise(
        _ g: UnsafeMutablePointer<Float>, _ w: UnsafePointer<Float>, anchor: UnsafePointer<Float>?,
        l2: Float, l1: Float, proximal: Float, count: Int
    ) {
        precondition(proximal == 0 || anchor != nil, "the proximal term needs an anchor")
        sordino_regularise(g, w, anchor, l2, l1, proximal, count)
    }
}
