import Cryptography
import Foundation
import Ledger
import Operations
import Testing

@testable import Custody

@Suite("The key of a ledger in its file") struct LedgerKeyFileTests {
    private static let forms: [(LedgerKeyFile.Form, Int)] = [(.raw, 32), (.hexadecimal, 65)]

    @Test(arguments: forms) func itIsMadeOnceAndReadBack(form: LedgerKeyFile.Form, count: Int) throws {
        let folder = try Folder()
        let file = LedgerKeyFile(folder.path + "/key", form: form)
        #expect(try file.read() == nil)
        let key = try file.key(of: [folder.path + "/ledger.jsonl"], wayOn: "mend it")
        #expect(try file.read()?.publicKey == key.publicKey && folder.mode("key") == 0o600)
        #expect(FileManager.default.contents(atPath: file.path)?.count == count)
        #expect(try file.key(of: [], wayOn: "").publicKey == key.publicKey)
        // Either form is read, whoever wrote it.
        let other: LedgerKeyFile.Form = form == .raw ? .hexadecimal : .raw
        #expect(try LedgerKeyFile(file.path, form: other).read()?.publicKey == key.publicKey)
        let signature = try key.sign([1, 2, 3])
        #expect(key.isValid(signature: signature, of: [1, 2, 3], publicKey: key.publicKey))
        #expect(NamedKeys().isValid(signature: signature, of: [1, 2, 3], publicKey: key.publicKey))
        #expect(!key.isValid(signature: signature, of: [1, 2], publicKey: key.publicKey))
    }

    // Half of a file of digits is as long as a raw seed.
    @Test(arguments: forms) func whatWasCutOrLengthenedIsRefused(form: LedgerKeyFile.Form, count: Int) throws
    {
        let folder = try Folder()
        let file = LedgerKeyFile(folder.path + "/key", form: form)
        _ = try file.make()
        let whole = try #require(FileManager.default.contents(atPath: file.path))
        // Without its line break a file of digits is whole.
        let cuts = (0..<whole.count).filter { form == .raw || $0 != 64 }.map { whole.prefix($0) }
        for bytes in cuts + [whole + [0x0A], whole + whole, Data(repeating: 0x0A, count: 4097)] {
            try bytes.write(to: URL(fileURLWithPath: file.path))
            let failure = #expect(throws: Failure.self, "\(bytes.count) bytes") { try file.read() }
            #expect(failure?.exitCode == .storage && failure?.message.contains(file.path) == true)
        }
    }

    @Test func withoutItNoLedgerThatHasLinesIsOpened() throws {
        let folder = try Folder()
        let (empty, full) = (folder.path + "/empty", folder.path + "/full")
        try Data().write(to: URL(fileURLWithPath: empty))
        try Data([0x0A]).write(to: URL(fileURLWithPath: full))
        let file = LedgerKeyFile(folder.path + "/key")
        let failure = #expect(throws: Failure.self) { try file.key(of: [empty, full], wayOn: "mend it") }
        #expect(failure?.message == "\(file.path): missing, though \(full) has lines; mend it")
        #expect(!FileManager.default.fileExists(atPath: file.path))
        _ = try file.key(of: [empty], wayOn: "mend it")
    }

    @Test func aLinkIsFollowedOnlyWhereThatIsAllowed() throws {
        let folder = try Folder()
        _ = try LedgerKeyFile(folder.path + "/key").make()
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/link", withDestinationPath: folder.path + "/key")
        #expect(try LedgerKeyFile(folder.path + "/link").read() != nil)
        #expect(throws: Failure.self) { try LedgerKeyFile(folder.path + "/link", followsLinks: false).read() }
    }

    @Test(arguments: ["", "00", String(repeating: "0", count: 63), String(repeating: "G", count: 64)])
    func aNameThatIsNoKeyVerifiesNothing(_ name: String) throws {
        let key = LedgerKey(try Signature.PrivateKey())
        let signature = try key.sign([1])
        #expect(!key.isValid(signature: signature, of: [1], publicKey: name))
        #expect(!NamedKeys().isValid(signature: signature, of: [1], publicKey: name))
    }
}
