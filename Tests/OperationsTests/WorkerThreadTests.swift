import Foundation
import Operations
import Synchronization
import Testing

@Suite("Threads of their own")
struct WorkerThreadTests {
    private final class Seen: Sendable {
        let name = Mutex("")
    }

    @Test(
        "A thread runs under its name, or the first 15 bytes of it, and has ended when joined",
        arguments: ["spool-0", "a-name-that-is-too-long", ""])
    func named(name: String) throws {
        let seen = Seen()
        let thread = try WorkerThread(name: name) {
            let line = try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
            seen.name.withLock { $0 = line ?? "" }
        }
        thread.join()
        let found = seen.name.withLock { $0 }
        #expect(found == name.prefix(15) + "\n")
    }
}
