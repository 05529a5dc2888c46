internal import Federation
internal import Messages
internal import Operations
internal import Transport

/// A disk that is full or broken: nothing is lost, everybody is told, and steps are tried again until it is mended.
extension RoundOwner {
    /// Room for the small files of a round: its own, the run's, the ledger's lines.
    private static let bookBytes = 1 << 20

    /// A write failed: nothing is lost, the step is tried again.
    func storageFailed(_ what: String, _ error: any Error) { context.storageFailed(what, error) }

    /// Whether there is room for all that a round writes: rounds that cannot be carried out would only be abandoned,
    /// one after the other, until the run ends.
    func hasRoomForRound() -> Bool {
        let report = UpdateHeader.byteCount + plan.reportBytes
        let cohort = Int(Double(plan.configuration.cohortSize) * plan.configuration.overSelection) + 1
        // The noisy sum, the model, what the strategy remembers, and the model once more as the latest where the file
        // system has no links.
        let needed = report * (cohort + 1) + model.buffer.count * 4 + Self.bookBytes
        guard let free = state.freeBytes, free < needed else { return true }
        storageFailed(
            "open a round",
            Failure(
                .storage, "\(state.path): \(free) bytes are free where a round needs \(needed); make room"))
        return false
    }
}
