/// How often one person may act: every action leaves lines in the audit log, and nobody is to fill the disk with them.
struct ActionPace: Sendable {
    /// Actions at once, after a while without any.
    static let burst = 600.0
    /// Actions a second, in the long run.
    static let rate = 2.0

    private struct Account {
        var left: Double
        var at: Double
    }

    private var accounts: [String: Account] = [:]

    /// Takes one action of a person from what is left at `now`, in seconds; false where nothing is.
    mutating func admits(_ name: String, at now: Double) -> Bool {
        var account = accounts[name] ?? Account(left: Self.burst, at: now)
        account.left = min(Self.burst, account.left + max(0, now - account.at) * Self.rate)
        account.at = now
        defer { accounts[name] = account }
        guard account.left >= 1 else { return false }
        account.left -= 1
        return true
    }
}
