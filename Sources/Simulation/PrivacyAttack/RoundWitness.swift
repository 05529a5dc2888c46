internal import Federation

/// Keeps a run's progress before and after one of its rounds, for whoever looks at that round afterwards.
final class RoundWitness: SimulationObserver {
    /// Nil where the run was taken up again after that round, or never came to it.
    private(set) var before: Simulator.Progress?
    private(set) var after: Simulator.Progress?
    private let simulator: Simulator
    private let round: Int
    private let observer: any SimulationObserver

    /// `observer` goes on being told.
    init(_ simulator: Simulator, round: Int, observer: any SimulationObserver) {
        (self.simulator, self.round, self.observer) = (simulator, round, observer)
        if simulator.progress.round == round - 1 { before = simulator.progress }
    }

    func roundEnded(_ record: RoundRecord, of rounds: Int) {
        if record.round == round - 1 { before = simulator.progress }
        if record.round == round { after = simulator.progress }
        observer.roundEnded(record, of: rounds)
    }

    func warned(_ warning: String) { observer.warned(warning) }
    var wantsToStop: Bool { observer.wantsToStop }
}
