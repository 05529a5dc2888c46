import Dispatch
import Foundation
import Glibc
import Operations
import Testing

/// Locks of open files, as two processes would hold them: the kernel tells open files apart, not processes.
@Suite struct FileLockTests {
    private static func opened(_ path: String) throws -> Int32 {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, mode_t(0o600))
        try #require(descriptor >= 0)
        return descriptor
    }

    @Test func oneHoldsItAndTheOtherDoesNot() throws {
        let path = NSTemporaryDirectory() + "lock-\(UUID().uuidString)"
        defer { unlink(path) }
        let (first, second) = (try Self.opened(path), try Self.opened(path))
        defer { close(second) }
        #expect(FileLock.take(first, .moment))
        #expect(!FileLock.take(second, .moment))
        close(first)
        #expect(FileLock.take(second, .moment))
    }

    /// A holder that is just ending is waited for, a moment or for good.
    @Test(arguments: [FileLock.Patience.moment, .always]) func aHolderThatEndsIsWaitedFor(
        _ patience: FileLock.Patience
    ) throws {
        let path = NSTemporaryDirectory() + "lock-\(UUID().uuidString)"
        defer { unlink(path) }
        let (first, second) = (try Self.opened(path), try Self.opened(path))
        defer { close(second) }
        #expect(FileLock.take(first, .always))
        let holder = Thread {
            usleep(50_000)
            close(first)
        }
        holder.start()
        #expect(FileLock.take(second, patience))
    }

    @Test(arguments: [FileLock.Patience.moment, .always]) func whatIsNotOpenIsNotLocked(
        _ patience: FileLock.Patience
    ) {
        #expect(!FileLock.take(-1, patience))
    }
}
