import Foundation
import Testing

@testable import CertificateService

/// The authority's list for people.
@Suite struct CertificateTableTests {
    private let now = Date(timeIntervalSince1970: 1_795_770_903)

    private func entry(_ name: String, _ role: String, serial: String, days: Double) throws
        -> IssuedCertificate
    {
        let issued = now.addingTimeInterval((days - 30) * 86_400).formatted(.iso8601)
        let text = """
            {"serial":"\(serial)","name":"\(name)","role":"\(role)","fingerprint":"ff","issued":"\(issued)",
             "expires":"\(now.addingTimeInterval(days * 86_400).formatted(.iso8601))","addresses":[],"certificate":""}
            """
        return try AuthorityJSON.decoder().decode(IssuedCertificate.self, from: Data(text.utf8))
    }

    @Test func certificatesAndTheirStates() throws {
        let entries = [
            try entry("server", "server", serial: "01", days: 11),
            try entry("hospital-1", "agent", serial: "0203", days: -2),
            try entry("b", "agent", serial: "04", days: 29),
        ]
        let rows = entries.map {
            (entry: $0, state: CertificateTable.state(of: $0, revoked: ["04"], now: now))
        }
        #expect(
            CertificateTable.text(rows, hidden: 0, now: now) == """
                name        role    state    issued       expires                            serial
                server      server  valid    19 days ago  in 11 days (2026-12-08 09:15 UTC)  01
                hospital-1  agent   expired  32 days ago  2 days ago (2026-11-25 09:15 UTC)  0203
                b           agent   revoked  1 day ago    in 29 days (2026-12-26 09:15 UTC)  04

                """)
    }

    @Test func emptyListsSaySo() {
        #expect(CertificateTable.text([], hidden: 0, now: now) == "No certificate was issued yet.\n")
        #expect(
            CertificateTable.text([], hidden: 2, now: now)
                == "No certificate is valid; --all shows 2 that are expired or revoked.\n")
    }
}
