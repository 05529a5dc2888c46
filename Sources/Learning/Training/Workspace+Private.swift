internal import Compute

// Passes of private training.
extension Workspace {
    /// Like ``backward(_:count:depth:into:scale:keep:)``, but each example's gradient is first scaled down to L2
    /// norm `limit` where it is longer: target = keep * target + the sum of the clipped gradients.
    ///
    /// Ghost clipping (Goodfellow 2015, Li et al. 2022): norms come from activations and deltas; then every row
    /// of every delta shrinks by its example's factor, and the ordinary product yields the clipped sum. The
    /// deltas in memory must be those of the plain sum of losses (scale 1). An example whose norm is not a finite
    /// number adds nothing.
    func clippedBackward(
        _ parameters: UnsafeMutablePointer<Float>, count: Int, depth: Int, limit: Float,
        into target: UnsafeMutablePointer<Float>, keep: Float
    ) {
        rowFactors.update(repeating: 0, count: count)
        for index in stride(from: depth - 1, through: 0, by: -1) where stages[index].goesBack {
            goBack(index, parameters, count: count) { layer, pass in
                guard stages[index].isTrained, !stages[index].sharesParameters || direct.tied != nil else {
                    return
                }
                switch layer.normRule {
                case .none: preconditionFailure("a layer without a rule, which private training refuses")
                case .own: layer.addSquaredGradientNorms(pass, to: rowFactors)
                case .direct:
                    for example in 0..<count {
                        formGradient(index, pass.single(example))
                        rowFactors[example] += Float(
                            Kernels.squareNorm(direct.room.base, count: direct.size(of: index)))
                    }
                }
            }
        }
        let norms = ExampleNorms(workspace: self, depth: depth)
        norms.addOfShared(parameters, count: count)
        norms.addRounding(parameters, count: count)
        for row in 0..<count {
            let norm = rowFactors[row].squareRoot()
            if !norm.isFinite { forget(row) }
            rowFactors[row] = norm > limit && norm.isFinite ? limit / norm : 1
        }
        for index in stride(from: depth - 1, through: 0, by: -1) where stages[index].isTrained {
            guard let layer = stages[index].layer else { continue }
            let pass = pass(index, parameters, count: count)
            layer.scaleDeltas(pass, by: rowFactors)
            layer.accumulateGradient(
                pass, into: GradientBlocks(places: stages[index].places, base: target, scale: 1, keep: keep))
        }
    }

    /// Forms one example's gradient of a node where ``direct`` has room for it.
    func formGradient(_ index: Int, _ single: LayerPass) {
        stages[index].layer?.accumulateGradient(
            single,
            into: GradientBlocks(places: direct.places(of: index), base: direct.room.base, scale: 1, keep: 0))
    }

    /// Makes everything that one example of the batch left in memory zero: not a number times a factor of zero would
    /// still be none.
    private func forget(_ row: Int) {
        let width = model.valueShapes[0].count
        (input + row * width).update(repeating: 0, count: width)
        for stage in stages {
            let (outputs, kept) = (stage.outputCount, stage.scratchCount)
            (stage.output + row * outputs).update(repeating: 0, count: outputs)
            (stage.scratch + row * kept).update(repeating: 0, count: kept)
            if stage.goesBack {
                (stage.delta + row * outputs).update(repeating: 0, count: outputs)
            }
        }
    }
}
