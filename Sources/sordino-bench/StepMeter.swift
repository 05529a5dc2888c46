import Foundation
import Learning

/// Notes the processor time and the allocations so far between the steps of a trainer.
final class StepMeter {
    private let times: UnsafeMutableBufferPointer<Double>
    private let allocations: UnsafeMutableBufferPointer<Int>
    private var noted = 0
    /// Seconds of each step but a run's first.
    private(set) var seconds: [Double] = []
    /// The most allocations of any of these steps; nil where they are not counted.
    private(set) var mostAllocations: Int?

    /// For runs of at most `steps` steps.
    init(steps: Int) {
        times = .allocate(capacity: steps)
        allocations = .allocate(capacity: steps)
        times.initialize(repeating: 0)
        allocations.initialize(repeating: 0)
    }

    deinit {
        times.deallocate()
        allocations.deallocate()
    }

    /// Meters the steps that `trainer` takes in `body`. A trainer asks once a step whether it is to stop: the time from
    /// one question to the next is that of a step, without what a run needs before and after its steps.
    func meter(_ trainer: LocalTrainer, _ body: () throws -> Void) rethrows {
        noted = 0
        trainer.isInterrupted = { [unowned self] in note() }
        defer { trainer.isInterrupted = nil }
        try body()
        for step in 1..<max(1, noted) {
            seconds.append(times[step] - times[step - 1])
            guard AllocationCount.isKept else { continue }
            mostAllocations = max(mostAllocations ?? 0, allocations[step] - allocations[step - 1])
        }
    }

    /// `allocations_per_step`, where they are counted.
    var details: [(name: String, value: Double)] {
        mostAllocations.map { [("allocations_per_step", Double($0))] } ?? []
    }

    // Never asks to stop.
    private func note() -> Bool {
        guard noted < times.count else { return false }
        times[noted] = ProcessorClock.now()
        allocations[noted] = AllocationCount.now
        noted += 1
        return false
    }
}

/// How often this process has asked for memory: known where Tests/Measurements/allocations/count.c is preloaded.
enum AllocationCount {
    private typealias Count = @convention(c) () -> Int

    private static let count: Count? = dlsym(nil, "sordino_allocation_count").map {
        unsafeBitCast($0, to: Count.self)
    }

    /// Whether anybody counts.
    static var isKept: Bool { count != nil }
    /// Calls of `malloc` and its kind so far, from all threads; 0 where nobody counts.
    static var now: Int { count?() ?? 0 }
}
