internal import Ledger
internal import Messages

extension AgentPolicy {
    /// Why a server's privacy ledger is not the one that this agent was told of before, grown: it has gone back, as after a
    /// restored backup, and what it spent since may be spent again. Nil where it is, or either says nothing.
    ///
    /// Only a shorter ledger, or another one of the same length, can be told from here.
    func refusal(
        of ledger: RoundOffer.LedgerReference?, after told: RoundOffer.LedgerReference?
    ) -> OwnParticipation.Refusal? {
        guard !acceptsOlderLedger, let ledger, let told else { return nil }
        guard ledger.lines < told.lines || (ledger.lines == told.lines && ledger.head != told.head) else {
            return nil
        }
        return OwnParticipation.Refusal(
            reason: .policy,
            text: ledger.lines < told.lines
                ? "the server's ledger went back from \(told.lines) lines to \(ledger.lines)"
                : "the server shows another ledger than before, of \(told.lines) lines too")
    }
}
