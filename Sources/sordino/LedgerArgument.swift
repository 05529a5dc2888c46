internal import Custody
internal import Foundation
internal import Ledger
internal import Operations
internal import Privacy

/// A ledger named on the command line, read and checked.
struct LedgerArgument {
    let path: String
    let verdict: LedgerVerdict

    /// What the ledger commands accept.
    static let positional = OptionGrammar.Positional(
        "DIR", "The folder that holds ledger.jsonl, or the file itself.")

    /// The option that pins the signer.
    static let key = OptionGrammar.Option.value(
        "public-key", "HEX", "Every line must be signed by this Ed25519 key (default: the first line's).")

    /// The option that anchors the ledger in what was kept elsewhere.
    static let head = OptionGrammar.Option.value(
        "head", "HASH",
        "The hash of a line, as the dashboard or an earlier check named it: a ledger without it has gone back or is another."
    )

    /// The hash of a line that the ledger must have, as given; nil where none is.
    let anchor: String?

    /// What is wrong with a sound ledger that does not have the line it is anchored by; nil where nothing is.
    var anchorComplaint: String? {
        guard let anchor, verdict.isSound, !verdict.lines.contains(where: { $0.hash == anchor }) else {
            return nil
        }
        return
            "no line has the hash \(anchor): the ledger is not the one that this was kept of, or it has gone back"
    }

    /// Reads and checks the ledger; `isAnchored` where the command takes ``head``.
    init(_ options: Options, isAnchored: Bool = false) throws {
        let name = options.operands[0]
        anchor = isAnchored ? options.string("head")?.lowercased() : nil
        if let anchor, anchor.utf8.count != 64 || !anchor.allSatisfy(\.isHexDigit) {
            throw Failure(.usage, "--head: must be the 64 hexadecimal digits of a line's hash")
        }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: name, isDirectory: &isFolder) else {
            throw Failure(.invalidInput, "\(name): no such file or folder")
        }
        path = isFolder.boolValue ? name + "/ledger.jsonl" : name
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(.invalidInput, "\(path): no such file, or it cannot be read")
        }
        verdict = LedgerVerification(
            hash: LedgerSHA256(), verifier: NamedKeys(), trustedKey: options.string("public-key")
        ).verify(Array(data))
    }

    /// What is wrong with the checkpoint beside a sound ledger, as one line that names its file; nil where nothing is, or
    /// there is none.
    var checkpointComplaint: String? {
        guard verdict.isSound, let signer = verdict.lines.first?.publicKey else { return nil }
        let file = LedgerCheckpointFile(ledger: path)
        switch file.read(publicKey: signer) {
        case .missing: return nil
        case .unusable(let why): return why
        case .checkpoint(let checkpoint):
            return checkpoint.complaint(verdict).map { "\(file.path): it \($0)" }
        }
    }

    /// The released models' events as the accountants read them, equal neighbours composed.
    func releasedEvents() throws -> [PrivacyEvent] { try Self.compose(verdict.state.releasedEvents) }

    /// The events against the server.
    func serverEvents() throws -> [PrivacyEvent] { try Self.compose(verdict.state.serverEvents) }

    /// The events against other members of the cohorts; nil where the ledger does not state them.
    func membersEvents() throws -> [PrivacyEvent]? {
        try verdict.state.membersEvents.map { try Self.compose($0) }
    }

    /// What protects single records, where clients trained with per-example noise.
    func exampleEvents() throws -> [PrivacyEvent] { try Self.compose(verdict.state.exampleEvents) }

    private static func compose(_ tally: LedgerTally) throws -> [PrivacyEvent] {
        var reader = LedgerReader()
        return try reader.events(tally)
    }
}
