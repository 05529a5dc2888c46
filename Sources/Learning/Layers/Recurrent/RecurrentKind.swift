package import Compute

/// A kind of recurrence, as a layer.
package protocol RecurrentKind: Sendable {
    /// Name in a model's `layers` list, such as `"lstm"`.
    static var kind: String { get }
    /// What it does at one position.
    static var cell: RecurrentCell { get }
}

/// Elman 1990: h_t = tanh(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh).
package enum ElmanRecurrence: RecurrentKind {
    package static let kind = "rnn"
    package static let cell = RecurrentCell.tanh
}

/// The gated recurrent unit of Cho et al. 2014, gates in PyTorch's order: reset, update, candidate.
package enum GatedRecurrence: RecurrentKind {
    package static let kind = "gru"
    package static let cell = RecurrentCell.gru
}

/// Long short-term memory (Hochreiter and Schmidhuber 1997), gates in PyTorch's order: in, forget, candidate, out.
package enum LongShortTermMemory: RecurrentKind {
    package static let kind = "lstm"
    package static let cell = RecurrentCell.lstm
}

// How a cell's gates are fed. They lie in three groups: those that input and state feed alike, those that the state
// alone feeds, and those that the input alone feeds. The rows of W_ih belong to the first and the third group, those of
// W_hh to the first and the second.
extension RecurrentCell {
    /// Gates that input and state feed alike.
    var sharedGates: Int {
        switch self {
        case .tanh: 1
        case .gru: 2
        case .lstm: 4
        }
    }

    /// Gates that the state alone feeds: the GRU's recurrent part of the candidate, which the reset gate scales before
    /// the input's part is added.
    var stateGates: Int { self == .gru ? 1 : 0 }
    /// Gates that the input alone feeds.
    var inputGates: Int { self == .gru ? 1 : 0 }
    /// All of them.
    var gates: Int { sharedGates + stateGates + inputGates }
    /// Rows of W_ih, and of W_hh, for each unit.
    var weightRows: Int { sharedGates + inputGates }
    /// Whether there is a cell beside the state.
    var hasCell: Bool { self == .lstm }
}
