internal import Glibc

/// The advisory lock of an open file. The kernel lets go of it with the last descriptor, however a process ends.
package enum FileLock {
    /// How long a lock that another has is waited for.
    package enum Patience: Sendable {
        /// For half a second, for a holder that is just ending: a child between fork and exec holds what its parent held.
        case moment
        /// For as long as another has it.
        case always
    }

    private static let tries = 25
    private static let pauseMicroseconds: useconds_t = 20_000

    /// Takes the lock of a file that is open as `descriptor`, alone. Returns whether it is held now; `errno` says why not.
    package static func take(_ descriptor: Int32, _ patience: Patience) -> Bool {
        switch patience {
        case .always:
            while flock(descriptor, LOCK_EX) != 0 {
                guard errno == EINTR else { return false }
            }
            return true
        case .moment:
            for _ in 0..<tries {
                if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
                guard errno == EWOULDBLOCK || errno == EINTR else { return false }
                usleep(pauseMicroseconds)
            }
            return false
        }
    }
}
