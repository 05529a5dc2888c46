internal import COpenSSL

/// The certificates that an authority has revoked, for the check on every request.
package struct RevocationList: Sendable {
    private struct Entry: Hashable {
        let issuer: [UInt8]
        let serial: [UInt8]
    }

    private var entries: Set<Entry> = []
    /// End of each authority's newest list, seconds since 1970, by the DER of its name.
    private var ends: [[UInt8]: Int64] = [:]

    /// Number of revoked certificates.
    package var count: Int { entries.count }

    /// A list that revokes nothing.
    package init() {}

    /// Adds the entries of a verified `X509_CRL *`.
    mutating func insert(_ list: OpaquePointer) {
        guard let name = X509_CRL_get_issuer(list) else { return }
        let issuer = PeerIdentity.encoded(name)
        let end = PeerIdentity.seconds(X509_CRL_get0_nextUpdate(list)) ?? .min
        ends[issuer] = max(ends[issuer] ?? .min, end)
        for index in 0..<transport_revoked_count(list) {
            guard let serial = transport_revoked_serial(list, index) else { continue }
            entries.insert(Entry(issuer: issuer, serial: PeerIdentity.bytes(serial)))
        }
    }

    /// Whether what is known of the peer's authority is too old to tell, at `now` in seconds since 1970. An authority
    /// without a list is no concern of this one: the handshake has judged it.
    package func isStale(for peer: PeerIdentity, at now: Int64) -> Bool {
        ends[peer.issuer].map { $0 <= now } ?? false
    }

    /// Whether the peer's certificate is on the list.
    package func revokes(_ peer: PeerIdentity) -> Bool {
        entries.contains(Entry(issuer: peer.issuer, serial: peer.serial))
    }
}
