internal import Compute
internal import Datasets
internal import Federation

/// Trains simulated clients on all workers.
struct FleetTraining {
    /// One client's work.
    struct Order {
        let client: Int
        /// The round that its random streams are of.
        let round: Int
        /// The model that it starts from.
        let model: [Float]
    }

    let setup: SimulationSetup
    let pool: WorkerPool<ClientWorker>
    /// What clients keep between rounds; nil where they keep nothing.
    let memory: ClientMemoryFile?

    /// Carries the orders out, longest first, and returns their results in the order given. `model` is the newest; clients are
    /// given its clipping norm, and what the strategy publishes beside it.
    func train(_ orders: [Order], _ shared: SharedRound, model: GlobalModel) -> [ClientResult] {
        let places = orders.indices.sorted {
            let (left, right) = (
                setup.partition[orders[$0].client].count, setup.partition[orders[$1].client].count
            )
            return left == right ? $0 < $1 : left > right
        }
        let slots = Slots<ClientResult>(count: orders.count)
        let (clippingNorm, serverState) = (model.clippingNorm, model.publishedState)
        // The noise is one more job, and the first: it is long.
        let noise = shared.noise?.isDue == true ? shared.noise : nil
        let before = noise == nil ? 0 : 1
        pool.run(count: places.count + before) { [setup, memory] worker, place in
            if place < before {
                noise?.draw()
                return
            }
            let slot = places[place - before]
            let order = orders[slot]
            let poisoned = shared.attack?.fleet.data(of: order.client)
            slots[slot] = worker.serve(
                ClientJob(
                    run: "simulation", seed: setup.seed, client: order.client, round: order.round,
                    model: order.model, clippingNorm: clippingNorm, rotation: shared.rotation,
                    masking: shared.masking, groups: shared.groups, kept: shared.kept,
                    attack: shared.attack, canaries: setup.canaries, share: shared.share,
                    examples: poisoned?.examples ?? setup.training,
                    indices: poisoned?.indices ?? setup.partition[order.client], noise: setup.noise,
                    serverState: serverState, memory: memory))
        }
        // Every slot is filled: the pool returns when all jobs are done.
        return slots.values.compactMap(\.self)
    }
}
