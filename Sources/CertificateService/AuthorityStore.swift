package import Cryptography
package import Foundation
internal import Operations
internal import Synchronization

/// An authority and its folder. Any number of processes may use one folder at once: every change is made under a
/// lock, from what the files say at that moment, and is on the disk before anybody hears of it.
package final class AuthorityStore: Sendable {
    /// What the files say.
    struct State: Sendable {
        var index = CertificateIndex()
        var revocations = Revocations()
        var tokens: [EnrolmentRecord] = []
    }

    /// What is taken back, and the number of the list that said so last.
    struct Revocations: Codable, Equatable, Sendable {
        var number = 0
        var revoked: [RevokedCertificate] = []
    }

    /// The authority itself.
    package let authority: CertificateAuthority
    let files: AuthorityFiles
    private let state = Mutex(State())

    /// Days for which a revocation list counts as fresh.
    static let revocationListDays = 45
    /// Days left at which a new one is made: before the first warning at a server, which comes at 30.
    static let revocationListRenewalDays = 31

    /// Makes a new authority in a folder that has none, and its first, empty revocation list.
    ///
    /// Throws a `Failure`: status 3 when there is an authority already or the name is impossible, 6 for storage.
    package static func create(
        _ folder: String, name: String, scheme: CertificateKey.Scheme, lifetimeDays: Int?, now: Date = Date()
    ) throws -> AuthorityStore {
        let files = AuthorityFiles(folder: try OutputDirectory(folder, mode: 0o700).path)
        let lock = try FolderLock(files.lock)
        guard try AuthorityFiles.contents(files.certificate) == nil,
            try AuthorityFiles.contents(files.key) == nil
        else {
            throw Failure(.invalidInput, "\(folder) holds an authority already; choose another folder")
        }
        let authority = try Failure.naming("certs init") {
            let key = try CertificateKey(generating: scheme)
            let authority = try CertificateAuthority(
                name: name, key: key,
                lifetimeDays: lifetimeDays ?? CertificateRole.authority.defaultLifetimeDays, now: now)
            try AuthorityFiles.write(key, to: files.key)
            // Last: its presence says that the authority is whole.
            try AtomicFile.write(authority.certificate.pem(), to: files.certificate)
            return authority
        }
        let store = AuthorityStore(authority, files)
        withExtendedLifetime(lock) {}
        return store
    }

    /// Opens an authority's folder. Throws a `Failure`: status 3 when there is none or a key is open to others.
    package convenience init(_ folder: String) throws {
        var trimmed = folder
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        let files = AuthorityFiles(folder: trimmed)
        guard let pem = try AuthorityFiles.contents(files.certificate),
            let key = try AuthorityFiles.key(files.key)
        else {
            throw Failure(
                .invalidInput, "\(folder): no certificate authority here; make one with sordino certs init")
        }
        let authority = try Failure.naming(files.certificate) {
            try CertificateAuthority(certificate: Certificate(pem: pem), key: key)
        }
        self.init(authority, files)
    }

    private init(_ authority: CertificateAuthority, _ files: AuthorityFiles) {
        self.authority = authority
        self.files = files
    }

    /// Path of the authority's certificate, which agents, servers and administrators trust.
    package var certificatePath: String { files.certificate }
    /// Path of the signed revocation list, which servers read.
    package var revocationListPath: String { files.revocationList }
    /// Path of the admin tokens' hashes unless another is named.
    package var adminTokensPath: String { files.folder + "/admin-tokens.json" }

    /// All certificates issued so far and the revoked serial numbers, oldest first.
    package func issued() throws -> (certificates: [IssuedCertificate], revoked: Set<String>) {
        try transaction { state in
            (state.index.certificates, Set(state.revocations.revoked.map(\.serial)))
        }
    }

    /// Runs `body` on what the files say, alone among all processes and threads.
    func transaction<Result: Sendable>(_ body: (inout State) throws -> Result) throws -> Result {
        try state.withLock { state in
            let lock = try FolderLock(files.lock)
            defer { withExtendedLifetime(lock) {} }
            try state.index.refresh(files.index)
            state.revocations =
                try AuthorityFiles.read(Revocations.self, files.revocations) ?? Revocations()
            state.tokens = try AuthorityFiles.read([EnrolmentRecord].self, files.tokens) ?? []
            return try body(&state)
        }
    }
}
