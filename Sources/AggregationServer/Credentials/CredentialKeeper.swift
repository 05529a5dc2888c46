internal import Operations
internal import Dispatch
internal import Transport

/// Looks, for as long as the server lives, at what expires, and fetches the revocation list. On a thread of its own:
/// neither loops nor the round's owner wait for files or for the authority.
final class CredentialKeeper: Sendable {
    private let end = DispatchSemaphore(value: 0)
    private let thread: WorkerThread
    private let fetch: RevocationFetch?

    /// Milliseconds between two looks at the files.
    private static let interval = 1000

    /// Begins at once: the first look is over when this returns. Throws `SocketError` where there is no thread to have.
    init(_ watch: ExpiryWatch, fetch: RevocationFetch?) throws {
        self.fetch = fetch
        watch.look()
        thread = try WorkerThread(name: "credentials") { [end] in
            while end.wait(timeout: .now() + .milliseconds(Self.interval)) == .timedOut {
                fetch?.runIfDue()
                watch.look()
            }
        }
    }

    /// Ends what is under way, and returns when nothing more will happen. To be called once.
    func close() {
        end.signal()
        fetch?.cancel()
        thread.join()
    }
}
