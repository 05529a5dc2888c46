internal import Glibc

/// A thread of its own, outside the cooperative pool, for work that blocks.
package final class WorkerThread: Sendable {
    private final class Work: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }

        func run() {
            nameThread()
            body()
        }

        /// Names the thread that calls: the one call that Swift sees for it is a write to its entry in /proc. A
        /// thread without a name works as well.
        private func nameThread() {
            let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
            guard file >= 0 else { return }
            defer { close(file) }
            var text = Array(name.utf8.prefix(15))
            _ = write(file, &text, text.count)
        }
    }

    private let thread: pthread_t

    /// Starts `body`.
    /// - Parameters:
    ///   - name: of which 15 characters count, for `top -H` and debuggers.
    ///   - body: runs on the thread, once.
    /// - Throws: `ThreadError` where the system has no room for another thread.
    package init(name: String, _ body: @escaping @Sendable () -> Void) throws(ThreadError) {
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(Work(name: name, body: body))
        let code = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, argument.toOpaque())
        guard code == 0 else {
            argument.release()
            throw ThreadError(code: code)
        }
        self.thread = thread
    }

    /// Waits for the end of the body. To be called once.
    package func join() { pthread_join(thread, nil) }
}

/// The system started no thread.
package struct ThreadError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The system's `errno`.
    package let code: Int32

    /// "cannot start a thread: <system's text>".
    package var description: String { "cannot start a thread: \(String(cString: strerror(code)))" }
}
