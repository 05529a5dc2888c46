internal import Cryptography
internal import Synchronization

/// What concerns the server as a whole and no run of it, for whoever shows it.
final class ServerCondition: Sendable {
    private let list = Mutex<[Expiry]>([])

    /// What of the server's expires, and when.
    var expiries: [Expiry] {
        get { list.withLock { $0 } }
        set { list.withLock { $0 = newValue } }
    }
}
