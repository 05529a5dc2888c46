internal import Configuration
internal import Cryptography
internal import Glibc
package import Ledger
internal import Notation
package import Operations

/// What this site's people, and the reviewers that it listens to, have decided about tasks.
///
/// `approvals.jsonl` in the state directory, one verdict a line, each line with the hash of the one before it, and
/// `approvals.head`, which says how many lines there were and the hash of the last: a file that lost lines, was emptied or is
/// an older one is found, and nothing is served on it.
package struct Approvals: Equatable, Sendable {
    /// How a task stands with this site's people.
    package enum Standing: String, Sendable {
        case undecided, approved, refused, withdrawn
    }

    /// The file's name in the state directory.
    package static let fileName = "approvals.jsonl"
    static let headName = "approvals.head"
    private static let origin = String(repeating: "0", count: 64)
    private static let limit = 64 << 20

    /// Every verdict, in the order in which they were taken.
    package let verdicts: [Verdict]
    /// Hash of the last line.
    private let head: String
    private let text: [UInt8]
    private let reviewers: Set<String>

    /// Reads the verdicts of a state directory; none where nobody decided anything. Those of reviewers count where their
    /// keys are among `reviewers`. Throws a storage ``Failure`` that names the file at fault.
    package init(in folder: String, reviewers: [Reviewer]) throws {
        self.reviewers = Set(reviewers.map(\.key))
        let path = "\(folder)/\(Self.fileName)"
        // The head comes first: whoever appends writes it last.
        let headBytes = try StateDirectory.contents(of: "\(folder)/\(Self.headName)", limit: 1 << 10)
        text = try StateDirectory.contents(of: path, limit: Self.limit) ?? []
        var verdicts: [Verdict] = []
        var hashes = [Self.origin]
        guard text.isEmpty || text.last == 0x0A else {
            throw Self.damaged(path, "line \(text.count { $0 == 0x0A } + 1) is not whole")
        }
        for (number, line) in text.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast()
            .enumerated()
        {
            do {
                let section = try Section(JSONValue(json5: line, source: "line \(number + 1)"), path: "")
                guard try section.string("previous") == hashes[number] else {
                    throw section.error("previous", "is not the hash of the line before")
                }
                let verdict = try Verdict(section)
                try section.finish()
                guard verdict.isGenuine else { throw section.error("signature", "is not its key's") }
                verdicts.append(verdict)
            } catch {
                throw Self.damaged(path, "line \(number + 1): \(error)")
            }
            hashes.append(try SHA256.text(of: Array(line)))
        }
        self.verdicts = verdicts
        head = hashes[hashes.count - 1]
        guard let headBytes else {
            guard verdicts.count <= 1 else { throw Self.damaged(path, "\(Self.headName) is missing") }
            return
        }
        let words = String(decoding: headBytes, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        guard words.count == 3, words[2].isEmpty, let count = Int(words[0]), count >= 0 else {
            throw Self.damaged("\(folder)/\(Self.headName)", "it is not what this program writes")
        }
        guard count < hashes.count, hashes[count] == words[1] else {
            throw Self.damaged(
                path, "\(count) verdicts were taken, and these are not they: the file is older or was changed"
            )
        }
        guard verdicts.count <= count + 1 else {
            throw Self.damaged("\(folder)/\(Self.headName)", "it is older than \(Self.fileName)")
        }
    }

    private static func damaged(_ path: String, _ why: String) -> Failure {
        Failure(
            .storage,
            "\(path): damaged, \(why); restore \(fileName) and \(headName) from one backup, or remove both and decide again"
        )
    }

    /// The verdict on a task that counts now; nil where nobody decided.
    ///
    /// An approval needs a reviewer whose key counts now. What a reviewer refused or withdrew stays so when its key goes, until
    /// somebody decides anew: nothing is served because a reviewer has left.
    package func verdict(on digest: String) -> Verdict? {
        verdicts.last { verdict in
            verdict.digest == digest
                && (verdict.kind != .approve || verdict.seal.map { reviewers.contains($0.key) } ?? true)
        }
    }

    /// How a task stands.
    package func standing(of digest: String) -> Standing {
        switch verdict(on: digest)?.kind {
        case nil: .undecided
        case .approve: .approved
        case .refuse: .refused
        case .withdraw: .withdrawn
        }
    }

    /// Why a task is not served, in one line; nil where nobody's verdict, or lack of one, forbids it.
    package func obstacle(to digest: String, under policy: AgentPolicy) -> String? {
        switch standing(of: digest) {
        case .approved: nil
        case .refused: "this site has refused the task"
        case .withdrawn: "this site has withdrawn its approval of the task"
        case .undecided:
            policy.approval == .manual
                ? "the task waits for this site's approval (sordino-agent tasks shows it)" : nil
        }
    }

    /// Takes a verdict down, durably; works while an agent runs on the directory, which heeds it before its next round.
    ///
    /// Throws a ``Failure``: a reviewer's verdict is refused where its key is none of `reviewers`, where it is of the
    /// future, and where it is not newer than the one that stands, as one that is shown again is.
    package static func append(
        _ verdict: Verdict, in folder: String, reviewers: [Reviewer], now: Int
    ) throws {
        _ = try OutputDirectory(folder, mode: 0o700)
        try StateDirectory.requireOwner(folder)
        let lock = open("\(folder)/approvals.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode_t(0o600))
        guard lock >= 0, FileLock.take(lock, .always) else {
            throw Failure(
                .storage, "cannot lock \(folder)/approvals.lock: \(String(cString: strerror(errno)))")
        }
        defer { close(lock) }
        let current = try Approvals(in: folder, reviewers: reviewers)
        if let seal = verdict.seal {
            guard verdict.isGenuine, current.reviewers.contains(seal.key) else {
                throw Failure(.refused, "the verdict is signed by \(seal.key), none of policy.approvals_from")
            }
            guard verdict.time <= now + 300 else {
                throw Failure(
                    .refused, "the verdict is of the future: its signer's clock or this host's is wrong")
            }
            if let standing = current.verdict(on: verdict.digest), standing.time >= verdict.time {
                throw Failure(.refused, "a verdict on this task stands that is not older than the one shown")
            }
        }
        // A head that could not be written is written first: one line may be ahead of it, and no more.
        if !current.verdicts.isEmpty {
            try writeHead(count: current.verdicts.count, hash: current.head, in: folder)
        }
        var members = verdict.members
        members["previous"] = .string(current.head)
        let line = Array(JSONValue.object(members).text().utf8)
        try AtomicFile.write(current.text + line + [0x0A], to: "\(folder)/\(fileName)", mode: 0o600)
        try writeHead(count: current.verdicts.count + 1, hash: SHA256.text(of: line), in: folder)
    }

    private static func writeHead(count: Int, hash: String, in folder: String) throws {
        try AtomicFile.write("\(count)\n\(hash)\n", to: "\(folder)/\(headName)", mode: 0o600)
    }
}

/// The verdicts as a working agent sees them: read again whenever the file has changed.
package final class ApprovalBook {
    private let folder: String
    private let policy: AgentPolicy
    private var read: (stamp: FileStamp, approvals: Approvals)?

    /// The verdicts in a state directory, under a policy.
    package init(_ folder: String, _ policy: AgentPolicy) { (self.folder, self.policy) = (folder, policy) }

    /// Tells whether somebody has decided something since.
    package var stamp: FileStamp { FileStamp("\(folder)/\(Approvals.fileName)") }

    /// Why a task is not served; nil where nothing forbids it. Throws a storage ``Failure`` where the file is damaged.
    package func obstacle(to digest: String) throws -> String? {
        let stamp = stamp
        if read?.stamp != stamp {
            read = (stamp, try Approvals(in: folder, reviewers: policy.reviewers))
        }
        return read?.approvals.obstacle(to: digest, under: policy)
    }
}
