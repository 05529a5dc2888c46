/// What each simulated client had of a run and gave to it, for the report. Exact values: not releasable.
package struct ClientShares: Equatable, Sendable {
    /// Accuracy of the last model on each client's held-out examples; nil where a client has none. Empty without
    /// `simulation.client_holdout`.
    package var accuracies: [Double?] = []
    /// Published rounds whose sum held the client's report, a place a client; empty where nobody counted.
    package var participation: [Int] = []
    /// Bytes of one report, and of the model that an invited client is sent.
    package var bytesUp = 0
    package var bytesDown = 0

    /// Nothing known.
    package init() {}

    /// What a run of these figures was for its clients; `bytesUp` and `bytesDown` are those of one report and one model.
    package init(accuracies: [Double?], participation: [Int], bytesUp: Int, bytesDown: Int) {
        self.accuracies = accuracies
        self.participation = participation
        self.bytesUp = bytesUp
        self.bytesDown = bytesDown
    }
}
