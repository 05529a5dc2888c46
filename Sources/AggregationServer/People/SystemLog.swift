internal import Glibc

/// The machine's own log, syslog(3): what is sent there is out of this process's hands.
enum SystemLog {
    /// `LOG_AUTHPRIV`, a macro in C: security messages that not everybody may read.
    private static let securityFacility: Int32 = 10 << 3

    /// Sends a line under this program's name.
    @Sendable static func send(_ line: String) {
        line.withCString { text in
            withVaList([text]) { vsyslog(securityFacility | LOG_NOTICE, "%s", $0) }
        }
    }
}
