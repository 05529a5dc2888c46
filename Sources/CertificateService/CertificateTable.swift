internal import Cryptography
package import Foundation
internal import Operations

/// The certificates that an authority issued, as a table for people.
package enum CertificateTable {
    /// One certificate and whether it counts.
    package enum State: String, Sendable { case valid, expired, revoked }

    /// Whether a certificate counts at `now`.
    package static func state(of entry: IssuedCertificate, revoked: Set<String>, now: Date) -> State {
        revoked.contains(entry.serial) ? .revoked : entry.expires <= now ? .expired : .valid
    }

    /// The table at `now`; `hidden` certificates are not among the rows. `width`: characters of a line
    /// (``Terminal/width(of:columns:)``), nil: as many as there are. A serial number is there as a whole or not at all.
    package static func text(
        _ rows: [(entry: IssuedCertificate, state: State)], hidden: Int, now: Date, width: Int? = nil
    ) -> String {
        var table = TextTable([
            .words("name"), .words("role"), .words("state"), .words("issued").spared, .words("expires"),
            .names("serial").spared,
        ])
        let moment = now.timeIntervalSince1970
        for (entry, state) in rows {
            table.add([
                entry.name, entry.role.rawValue, state.rawValue,
                SpokenTime.relative(entry.issued.timeIntervalSince1970, now: moment),
                SpokenTime.both(entry.expires.timeIntervalSince1970, now: moment), entry.serial,
            ])
        }
        return table.text(
            empty: hidden == 0
                ? "No certificate was issued yet."
                : "No certificate is valid; --all shows \(hidden) that \(hidden == 1 ? "is" : "are") expired or revoked.",
            width: width)
    }
}
