internal import Cryptography
package import Foundation
internal import Operations

extension AuthorityStore {
    /// What a revocation took back.
    package struct Revoked: Sendable {
        package let certificates: [IssuedCertificate]
        /// Number of tokens that can no longer be used.
        package let tokens: Int
    }

    /// Takes back every unexpired certificate of a name and its unused tokens, or the one certificate with this
    /// serial number, and signs a new list.
    package func revoke(name: String, serial: String? = nil, now: Date = Date()) throws -> Revoked {
        try transaction { state in
            let found = state.index.certificates.filter { entry in
                entry.name == name && (serial.map { $0 == entry.serial } ?? true)
                    && isValid(entry, state, now)
            }
            let before = state.tokens.filter { $0.used == nil }.count
            if serial == nil {
                state.tokens.removeAll { $0.name == name }
                try AuthorityFiles.write(state.tokens, to: files.tokens)
            }
            if !found.isEmpty {
                state.revocations.revoked += found.map { RevokedCertificate(serial: $0.serial, date: now) }
                try signRevocationList(&state, now)
            }
            return Revoked(
                certificates: found, tokens: before - state.tokens.filter { $0.used == nil }.count)
        }
    }

    /// Signs a new revocation list when `always`, or when there is none, its renewal is due, or it lacks
    /// a revocation (a crash came between the two files).
    /// - Returns: the last moment at which the list that now lies there counts.
    @discardableResult
    package func refreshRevocationList(always: Bool = false, now: Date = Date()) throws -> Date {
        try transaction { state in
            if !always, let list = try? currentList(),
                list.nextUpdate.timeIntervalSince(now) >= Double(Self.revocationListRenewalDays) * 86_400,
                state.revocations.revoked.allSatisfy({ list.serials.contains($0.serial) })
            {
                return list.nextUpdate
            }
            return try signRevocationList(&state, now)
        }
    }

    /// The revocation list that counts, PEM, signed anew first where it has to be.
    package func freshRevocationList(now: Date = Date()) throws -> [UInt8] {
        try refreshRevocationList(now: now)
        guard let pem = try AuthorityFiles.contents(files.revocationList) else {
            throw Failure(.storage, "\(files.revocationList) is missing: sign it with sordino certs renew")
        }
        return pem
    }

    private func currentList() throws -> RevocationList? {
        try AuthorityFiles.contents(files.revocationList).map {
            try RevocationList(pem: $0, authority: authority.certificate)
        }
    }

    /// What is revoked is durable before the list that says so, which is named by a number never used before.
    @discardableResult
    private func signRevocationList(_ state: inout State, _ now: Date) throws -> Date {
        try Failure.naming(files.revocationList) {
            state.revocations.number += 1
            try AuthorityFiles.write(state.revocations, to: files.revocations)
            let list = try authority.revocationList(
                state.revocations.revoked, number: state.revocations.number,
                validDays: Self.revocationListDays, now: now)
            try AtomicFile.write(list.pem(), to: files.revocationList)
            return list.nextUpdate
        }
    }
}
