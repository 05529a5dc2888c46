internal import Compute

/// What examples' squared gradient norms need beyond the layers' own rules, in the arena's factors of rows.
struct ExampleNorms {
    let workspace: Workspace
    /// Nodes of the pass.
    let depth: Int

    /// A tensor that several nodes have gets one gradient, the sum of theirs, and that sum's norm counts.
    func addOfShared(_ parameters: UnsafeMutablePointer<Float>, count: Int) {
        if let tied = workspace.direct.tied {
            let (table, head) = (
                workspace.pass(tied.embedding, parameters, count: count),
                workspace.pass(tied.dense, parameters, count: count)
            )
            for example in 0..<count {
                workspace.rowFactors[example] += Float(
                    tied.crossing(
                        table.single(example), head.single(example), room: workspace.direct.room.base))
                // Never below zero by rounding; what is not a number stays so.
                if workspace.rowFactors[example] < 0 { workspace.rowFactors[example] = 0 }
            }
            return
        }
        guard workspace.direct.sharedSize > 0 else { return }
        for example in 0..<count {
            for index in stride(from: depth - 1, through: 0, by: -1)
            where workspace.stages[index].sharesParameters {
                workspace.formGradient(index, workspace.pass(index, parameters, count: count).single(example))
            }
            workspace.rowFactors[example] += Float(
                Kernels.squareNorm(workspace.direct.room.base, count: workspace.direct.sharedSize))
        }
    }

    /// A gradient summed over an example's positions is rounded in proportion to its terms, which may be far longer than
    /// their sum. Where that is more than the margin below the limit has room for it counts as length, so that no example
    /// adds more than the limit.
    func addRounding(_ parameters: UnsafeMutablePointer<Float>, count: Int) {
        // Gradients of one tensor from several nodes add up: (a + b)² ≤ 2 (a² + b²).
        let sharing = Double(max(1, workspace.stages[..<depth].count { $0.sharesParameters }))
        for example in 0..<count {
            var squared = 0.0
            for index in 0..<depth where workspace.stages[index].isTrained {
                guard let layer = workspace.stages[index].layer else { continue }
                let single = workspace.pass(index, parameters, count: count).single(example)
                squared +=
                    layer.squaredRounding(single) * (workspace.stages[index].sharesParameters ? sharing : 1)
            }
            if let tied = workspace.direct.tied {
                squared += tied.squaredRounding(
                    workspace.pass(tied.embedding, parameters, count: count).single(example),
                    workspace.pass(tied.dense, parameters, count: count).single(example))
            }
            if squared > Double(workspace.rowFactors[example]) * PrivateDescent.clippingMargin {
                workspace.rowFactors[example] += Float(squared)
            }
        }
    }
}
