internal import Foundation
internal import Glibc
internal import Operations
internal import Transport

/// `--wait`: asks a server again and again until it answers, so that commands can follow its start at once.
enum AdminWait {
    static let option = OptionGrammar.Option.optionalValue(
        "wait", "SECONDS", standard: "60", "Wait so long at most until the server answers (default: 60).")

    /// Milliseconds between two attempts.
    private static let pause: UInt32 = 200

    /// How long to wait, or nil where nobody asked for it.
    static func seconds(_ options: Options) throws -> Int? { try options.integer("wait", in: 1...86_400) }

    /// Returns when the server has answered. Throws at once where waiting changes nothing, such as for a certificate or
    /// a token that is refused, and a network `Failure` when the time is over.
    static func untilAnswered(_ kind: AdminRequest.Kind, _ options: Options, seconds: Int) throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        var isAnnounced = false
        while true {
            let left = deadline - .now
            do {
                // An attempt has a few seconds, so that a connection that nobody takes up is given up for the next.
                _ = try AdminRequest.answer(
                    kind, options, patience: UInt64(min(5, max(0.1, left / .seconds(1))) * 1000))
                return
            } catch {
                guard mayPass(error, options) else { throw error }
                let why = Failure(wrapping: error).message
                guard ContinuousClock.now < deadline else {
                    throw Failure(
                        .network,
                        "the server has not answered within \(SpokenTime.span(seconds: Double(seconds))): \(why)"
                    )
                }
                if !isAnnounced { Console.standardError.writeLine("waiting for the server: \(why)") }
                isAnnounced = true
            }
            usleep(pause * 1000)
            if Signals.interruptionRequested { throw Failure(.interrupted, "interrupted") }
        }
    }

    /// Whether a failure is one of a server that is still starting: nothing listens, the connection or the handshake gets
    /// nowhere, it says "later", or the files that it or its authority makes are not there yet.
    private static func mayPass(_ error: any Error, _ options: Options) -> Bool {
        if let error = error as? ClientError { return error.isTransient }
        return ["token-file", "ca"].contains { name in
            var status = stat()
            guard let path = options.string(name) else { return false }
            return stat(path, &status) != 0 ? errno == ENOENT : status.st_size == 0
        }
    }
}
