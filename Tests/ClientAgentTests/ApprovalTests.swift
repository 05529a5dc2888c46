import Configuration
import Cryptography
import Foundation
import Ledger
import Notation
import Operations
import Testing

@testable import ClientAgent

/// What a site's people decide is kept, is found damaged when it is, and is nobody else's to say.
@Suite("A site's verdicts") struct ApprovalTests {
    let authority: TestAuthority
    private var folder: String { authority.path("state") }
    private let digest = String(repeating: "ab", count: 32)
    private let other = String(repeating: "cd", count: 32)

    init() throws { authority = try TestAuthority() }

    private func take(
        _ kind: Verdict.Kind, _ digest: String, time: Int = 100, reviewers: [Reviewer] = []
    ) throws {
        try Approvals.append(
            Verdict(kind, digest: digest, time: time, reason: "because"), in: folder, reviewers: reviewers,
            now: time)
    }

    private func read(_ reviewers: [Reviewer] = []) throws -> Approvals {
        try Approvals(in: folder, reviewers: reviewers)
    }

    @Test("The last verdict on a task counts") func lastCounts() throws {
        #expect(try read().standing(of: digest) == .undecided)
        try take(.approve, digest)
        try take(.refuse, other)
        #expect(try read().standing(of: digest) == .approved)
        #expect(try read().standing(of: other) == .refused)
        try take(.withdraw, digest)
        #expect(try read().standing(of: digest) == .withdrawn)
        try take(.approve, digest)
        #expect(try read().standing(of: digest) == .approved)
    }

    @Test("Where approval is by hand, what nobody decided is not served; refused and withdrawn never are")
    func obstacles() throws {
        try take(.refuse, other)
        for approval in AgentPolicy.Approval.allCases {
            var policy = AgentPolicy()
            policy.approval = approval
            #expect((try read().obstacle(to: digest, under: policy) == nil) == (approval == .byPolicy))
            #expect(try read().obstacle(to: other, under: policy) != nil)
        }
        try take(.approve, digest)
        var policy = AgentPolicy()
        policy.approval = .manual
        #expect(try read().obstacle(to: digest, under: policy) == nil)
    }

    /// Emptied, cut anywhere, an older copy, a line changed or taken out, or without its head.
    @Test("A file that is not what was written is found") func hostileFile() throws {
        try take(.approve, digest)
        let path = "\(folder)/\(Approvals.fileName)"
        let older = try Data(contentsOf: URL(fileURLWithPath: path))
        try take(.refuse, other)
        try take(.withdraw, digest)
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        func write(_ data: Data) throws { try data.write(to: URL(fileURLWithPath: path)) }
        func expectDamage(_ what: String) {
            let failure = #expect(throws: Failure.self, "\(what)") { try read() }
            #expect(failure?.exitCode == .storage && failure?.message.contains(path) == true, "\(what)")
        }
        for count in 0..<whole.count {
            try write(whole.prefix(count))
            expectDamage("cut to \(count)")
        }
        for place in stride(from: 0, to: whole.count, by: 5) {
            var changed = whole
            changed[place] ^= 1
            try write(changed)
            expectDamage("changed at \(place)")
        }
        try write(older)
        expectDamage("older")
        let lines = whole.split(separator: 0x0A)
        try write(Data((lines[0] + [0x0A] + lines[2] + [0x0A])))
        expectDamage("a line less")
        try FileManager.default.removeItem(atPath: path)
        expectDamage("gone")
        try write(whole)
        #expect(try read().verdicts.count == 3)
        try FileManager.default.removeItem(atPath: "\(folder)/\(Approvals.headName)")
        expectDamage("without its head")
    }

    /// A process that is killed between the two files has taken its verdict.
    @Test func headOfBeforeTheLastLineIsNoDamage() throws {
        try take(.approve, digest)
        let head = "\(folder)/\(Approvals.headName)"
        let before = try Data(contentsOf: URL(fileURLWithPath: head))
        try take(.refuse, digest)
        try before.write(to: URL(fileURLWithPath: head))
        #expect(try read().standing(of: digest) == .refused)
        try take(.approve, other)
        #expect(try read().verdicts.count == 3)
    }

    // MARK: Reviewers

    private func reviewer(_ file: String) throws -> Reviewer {
        Reviewer(name: file, key: try ReviewerKey.make(authority.path(file)))
    }

    private func signed(
        _ kind: Verdict.Kind, _ file: String, time: Int, digest: String? = nil
    ) throws -> Verdict {
        try ReviewerKey.sign(
            Verdict(kind, digest: digest ?? self.digest, time: time), with: authority.path(file))
    }

    private func append(_ verdict: Verdict, _ reviewers: [Reviewer], now: Int = 1000) throws {
        try Approvals.append(verdict, in: folder, reviewers: reviewers, now: now)
    }

    @Test("A reviewer's signed verdict goes from file to file and counts while its key is named")
    func delegation() throws {
        let x = try reviewer("x.key")
        let file = authority.path("verdict.json")
        try SignedVerdictFile.write(signed(.approve, "x.key", time: 900), to: file)
        try append(SignedVerdictFile.read(file), [x])
        #expect(try read([x]).standing(of: digest) == .approved)
        #expect(try read([]).standing(of: digest) == .undecided)
        #expect(throws: Failure.self) { try ReviewerKey.make(authority.path("x.key")) }
        chmod(authority.path("x.key"), 0o644)
        #expect(throws: Failure.self) { try signed(.approve, "x.key", time: 901) }
    }

    @Test("A stranger's, a forged, a future or a replayed verdict does nothing")
    func hostileVerdicts() throws {
        let (x, y) = (try reviewer("x.key"), try reviewer("y.key"))
        let approval = try signed(.approve, "x.key", time: 900)
        #expect(throws: Failure.self) { try append(approval, [y]) }
        var forged = approval
        forged.digest = other
        #expect(throws: Failure.self) { try append(forged, [x]) }
        forged = approval
        forged.kind = .refuse
        #expect(throws: Failure.self) { try append(forged, [x]) }
        var borrowed = approval
        borrowed.seal?.key = y.key
        #expect(throws: Failure.self) { try append(borrowed, [x, y]) }
        #expect(throws: Failure.self) { try append(signed(.approve, "x.key", time: 2000), [x]) }
        #expect(try read([x, y]).verdicts.isEmpty)
        // Approved, refused, and the approval shown again.
        try append(approval, [x])
        try append(signed(.refuse, "x.key", time: 950), [x])
        #expect(throws: Failure.self) { try append(approval, [x]) }
        #expect(try read([x]).standing(of: digest) == .refused)
        // The file of a verdict, cut and changed.
        let file = authority.path("verdict.json")
        try SignedVerdictFile.write(approval, to: file)
        let whole = try Data(contentsOf: URL(fileURLWithPath: file))
        for count in 0..<whole.count - 1 {
            try whole.prefix(count).write(to: URL(fileURLWithPath: file))
            #expect(throws: Failure.self) { try SignedVerdictFile.read(file) }
        }
    }

    @Test(
        "A reviewer's refusal outlasts its key, its approval does not",
        arguments: [Verdict.Kind.refuse, .withdraw])
    func removedReviewers(kind: Verdict.Kind) throws {
        let (first, second) = (try reviewer("first.key"), try reviewer("second.key"))
        try append(signed(.approve, "first.key", time: 100), [first, second])
        try append(signed(kind, "second.key", time: 200), [first, second])
        #expect(try read([first]).standing(of: digest) != .approved)
        try append(signed(.approve, "first.key", time: 300), [first])
        #expect(try read([first]).standing(of: digest) == .approved)
        #expect(try read([]).standing(of: digest) != .approved)
    }

    @Test("Heads that could not be written do no harm, however often") func headsThatAreBehind() throws {
        for number in 0..<4 {
            try take(.approve, String(repeating: "0\(number)", count: 32))
            let head = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/approvals.head"))
            try take(.refuse, String(repeating: "1\(number)", count: 32))
            try head.write(to: URL(fileURLWithPath: "\(folder)/approvals.head"))
            #expect(try read().verdicts.count == 2 * number + 2)
        }
    }

    @Test("Keys that may only be read, and links to keys, are shredded; folders are not")
    func shreddedFiles() throws {
        let files = FileManager.default
        for name in ["plain", "target"] {
            try AtomicFile.write("secret", to: authority.path(name), mode: 0o400)
        }
        try files.createSymbolicLink(
            atPath: authority.path("link"), withDestinationPath: authority.path("target"))
        try files.createDirectory(atPath: authority.path("dir"), withIntermediateDirectories: true)
        _ = try Shredder.shred(file: authority.path("plain"))
        _ = try Shredder.shred(file: authority.path("link"))
        for name in ["plain", "target", "link"] { #expect(!files.fileExists(atPath: authority.path(name))) }
        #expect(throws: Failure.self) { try Shredder.shred(file: authority.path("dir")) }
        #expect(files.fileExists(atPath: authority.path("dir")))
    }

    @Test("Verdicts taken at once are all kept") func atOnce() async throws {
        let folder = folder
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<16 {
                group.addTask {
                    let digest = Hexadecimal.text(of: Array(repeating: UInt8(index), count: 32))
                    try Approvals.append(
                        Verdict(.approve, digest: digest, time: index), in: folder, reviewers: [], now: 100)
                }
            }
            try await group.waitForAll()
        }
        #expect(Set(try read().verdicts.map(\.digest)).count == 16)
    }
}
