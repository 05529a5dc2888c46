import Configuration
import Cryptography
import Foundation
import Operations
import TestSupport
import Testing

@testable import AggregationServer

@Suite struct AdminTokenFileTests {
    private let file: AdminTokenFile
    private let now = Date()

    init() throws { file = AdminTokenFile(try TemporaryFolders.make("tokens") + "/tokens.json") }

    private func later(_ seconds: Double) -> Date { now.addingTimeInterval(seconds) }

    @Test func tokensAreKeptAsHashesOneAName() throws {
        let made = try file.add(name: "anna", role: .viewer, expires: later(60))
        let text = try String(contentsOfFile: file.path, encoding: .utf8)
        #expect(!text.contains(made.token) && text.contains("viewer") && made.token.utf8.count > 64)
        #expect(throws: Failure.self) { try file.add(name: "anna", role: .operator, expires: later(60)) }
        #expect(try file.remove(name: "anna"))
        #expect(try !file.remove(name: "anna"))
        _ = try file.add(name: "anna", role: .operator, expires: later(60))
        let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        // One whose time is over does not stand in the way.
        _ = try file.add(name: "anna", role: .viewer, expires: later(200), now: later(100))
        #expect(try file.read().map(\.role) == [.viewer])
    }

    @Test func aRotatedTokenIsAnotherOfTheSameKind() throws {
        let tokens = try AdminTokens(path: nil)
        #expect(tokens.verdict("x") == .unknown)
        let old = try file.add(
            name: "anna", role: .researcher, scopes: [.see, .submit], expires: later(3600))
        let served = try AdminTokens(path: file.path)
        let anna = Administrator(name: "anna", role: .researcher, scopes: [.see, .submit])
        #expect(served.verdict(old.token) == .good(anna, expires: old.record.expires))
        let new = try #require(try file.rotate(name: "anna", now: later(1000)))
        #expect(new.record.expires == Int(later(4600).timeIntervalSince1970))
        #expect(served.verdict(old.token) == .unknown)
        #expect(served.verdict(new.token) == .good(anna, expires: new.record.expires))
        #expect(try file.rotate(name: "nobody") == nil)
        #expect(try file.read().count == 1)
    }

    /// Files of earlier versions have neither scopes nor dates of making; what is not understood lets nobody in.
    @Test func oldFilesAreRead() throws {
        let hash = try SHA256.text(of: Array("secret".utf8))
        try AtomicFile.write(
            "{ tokens: [ { name: 'vera', role: 'viewer', sha256: '\(hash)' } ] }", to: file.path, mode: 0o600)
        let tokens = try AdminTokens(path: file.path)
        let vera = Administrator(name: "vera", role: .viewer)
        #expect(tokens.verdict("secret") == .good(vera, expires: nil))
        let new = try #require(try file.rotate(name: "vera"))
        #expect(new.record.expires == nil && tokens.verdict(new.token) == .good(vera, expires: nil))
    }

    private static let faults = [
        ("scopes: ['runs:reed']", "runs:read"), ("scopes: ['runs:operate']", "viewer"),
        ("scopes: []", "scopes"),
        ("scopes: 'runs:read'", "scopes"), ("scopes: [1]", "scopes"), ("role: 'viewr'", "viewer"),
        ("sha256: 'ab'", "sha256"), ("name: ''", "name"), ("name: 'server'", "server itself"),
        ("nmae: 'x'", "nmae"),
        ("expires: 'soon'", "expires"),
    ]

    @Test(arguments: faults) func whatIsNotUnderstoodIsRefused(fault: String, told: String) throws {
        let hash = String(repeating: "a", count: 64)
        let key = fault.prefix { $0 != ":" }
        let rest = ["name: 'vera'", "role: 'viewer'", "sha256: '\(hash)'"].filter { !$0.hasPrefix("\(key):") }
        let entry = (rest + [fault]).joined(separator: ", ")
        try AtomicFile.write("{ tokens: [ { \(entry) } ] }", to: file.path, mode: 0o600)
        let error = try #require(throws: ConfigurationError.self) { try file.read() }
        #expect("\(error)".contains(told), "\(error)")
        #expect(throws: (any Error).self) { try file.add(name: "b", role: .viewer, expires: later(60)) }
        #expect(throws: ConfigurationError.self) { try AdminTokens(path: file.path) }
    }

    @Test(arguments: ["", "a b", "a/b", "../a", "ä", "-a", "server", String(repeating: "a", count: 65)])
    func namesAreThoseOfPaths(_ name: String) {
        #expect(throws: Failure.self) { try file.add(name: name, role: .viewer, expires: later(60)) }
    }

    /// Ten processes at once lose nothing.
    @Test func changesAtOnceAreAllKept() async throws {
        let (file, end) = (file, later(86_400))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<10 {
                group.addTask { _ = try file.add(name: "a\(index)", role: .viewer, expires: end) }
            }
            try await group.waitForAll()
        }
        #expect(try Set(file.read().map(\.name)).count == 10)
    }
}
