internal import Ledger

extension LedgerBinding {
    /// What is wrong with verified lines beside a state that this binding is of and whose last concluded round is
    /// `round`, as one clause that says which of the two is newer; nil where they agree.
    func complaint(_ verdict: LedgerVerdict, round: Int) -> String? {
        let there = verdict.lineCount
        switch standing(of: verdict) {
        case .behind(let missing):
            let lost = rounds - verdict.state.charged.count
            return "the ledger ends at line \(there), run.json remembers line \(lines) (round \(round)): "
                + "\(missing) line\(missing == 1 ? "" : "s") and \(max(0, lost)) charged "
                + "round\(lost == 1 ? "" : "s") are missing, the ledger is the older"
        case .forked:
            return "line \(lines) of the ledger is not the one that run.json remembers: the two went "
                + "different ways, or one is of another backup"
        case .holds:
            guard let line = verdict.unexplained(after: lines, open: round + 1, mayOpen: lines == 0) else {
                return nil
            }
            let last = verdict.lines.last { $0.entry.round != nil }?.entry.round ?? round
            return "the ledger goes on to round \(last), run.json ends at round \(round): line "
                + "\(line.sequence) is more than a crash leaves, run.json is the older"
        }
    }
}
