import Foundation
import TestSupport
import Testing

@testable import Cryptography

/// What expires, at moments that the test chooses.
@Suite struct ExpiryTests {
    private static let end = Date(timeIntervalSince1970: 1_800_000_000)
    private static let begin = end.addingTimeInterval(-90 * 86_400)

    private static func expiry(_ kind: Expiry.Kind = .serverCertificate, notBefore: Date? = begin) -> Expiry {
        Expiry(
            kind, "server certificate", path: "/etc/server.crt", subject: "CN=server", notBefore: notBefore,
            notAfter: end)
    }

    private static func before(_ days: Double, _ seconds: Double = 0) -> Date {
        end.addingTimeInterval(-days * 86_400 - seconds)
    }

    @Test(arguments: [
        (before(90, 1), ExpiryLevel.notYetValid), (before(90), .fine), (before(30, 1), .fine),
        (before(30), .notice), (before(14, 1), .notice), (before(14), .warning), (before(3, 1), .warning),
        (before(3), .critical), (before(0, 1), .critical), (before(0), .expired), (before(-400), .expired),
    ]) func aLevelBeginsAtItsVerySecond(now: Date, level: ExpiryLevel) {
        #expect(Self.expiry().level(at: now) == level)
        #expect(level.counts == (level != .expired && level != .notYetValid))
    }

    @Test func whatHasNoBeginningHasAlwaysCounted() {
        #expect(Self.expiry(notBefore: nil).level(at: .distantPast) == .fine)
    }

    @Test func eachThresholdIsToldOnceAndWhatIsRenewedBeginsAnew() {
        var journal = ExpiryJournal()
        var told: [ExpiryLevel] = []
        for hours in stride(from: 40 * 24, through: -48, by: -1) {
            let now = Self.end.addingTimeInterval(Double(-hours) * 3600)
            told += journal.news([Self.expiry()], at: now).map(\.level)
        }
        #expect(told == [.notice, .warning, .critical, .expired])
        let renewed = Expiry(
            .serverCertificate, "server certificate", path: "/etc/server.crt", subject: "CN=server",
            notBefore: Self.end, notAfter: Self.end.addingTimeInterval(20 * 86_400))
        #expect(journal.news([renewed], at: Self.end).map(\.level) == [.notice])
        #expect(journal.news([renewed], at: Self.end).isEmpty)
    }

    @Test(
        arguments: [
            Expiry.Kind.serverCertificate, .agentCertificate, .intermediate, .authority, .revocationList,
            .adminToken,
        ],
        [before(91), before(20), before(2), before(-1)])
    func aSentenceNamesFileHolderDatesAndRemedyOnOneLine(kind: Expiry.Kind, now: Date) {
        let expiry = Self.expiry(kind)
        let text = expiry.sentence(at: now)
        #expect(text.contains("/etc/server.crt") && text.contains("CN=server") && text.contains("; "))
        #expect(text.contains(Expiry.text(Self.end)) && !text.contains("\n"))
        #expect(!expiry.publicSentence(at: now).contains("/etc"))
    }

    @Test func secondsLeftGoBelowZero() {
        #expect(Self.expiry().secondsLeft(at: Self.before(1)) == 86_400)
        #expect(Self.expiry().secondsLeft(at: Self.before(-1)) == -86_400)
    }
}

/// Certificates of anybody's authority, made by `openssl`.
@Suite struct PresentedCertificateTests {
    private static func read(_ authority: OpenSSLAuthority, _ name: String) throws -> [PresentedCertificate] {
        try PresentedCertificate.all(pem: Array(Data(contentsOf: URL(fileURLWithPath: authority.path(name)))))
    }

    @Test func isJudgedAsTLSJudgesIt() throws {
        let authority = try OpenSSLAuthority(folder: "sordino-presented")
        try authority.issue("leaf", section: "client")
        try authority.issue("edwards", section: "client", key: .ed25519)
        try authority.openssl([
            "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=rsa", "-keyout",
            authority.path("rsa.key"), "-x509", "-out", authority.path("rsa.crt"),
        ])
        let (leaf, other) = (try Self.read(authority, "leaf.crt"), try Self.read(authority, "other.crt"))
        let anchors = try Self.read(authority, "authority.crt")
        let now = Date()
        #expect(try leaf[0].refusal(by: anchors, intermediates: [], isServer: false, at: now) == nil)
        #expect(try leaf[0].refusal(by: anchors, intermediates: [], isServer: true, at: now) != nil)
        #expect(try leaf[0].refusal(by: other, intermediates: [], isServer: false, at: now) != nil)
        for days in [-1.0, 21] {
            let moment = now.addingTimeInterval(days * 86_400)
            let why = try leaf[0].refusal(by: anchors, intermediates: [], isServer: false, at: moment)
            #expect(why?.contains(days < 0 ? "not yet valid" : "expired") == true, "\(why ?? "accepted")")
        }
        #expect(leaf[0].subject == "CN=leaf" && leaf[0].issuer == "CN=authority" && !leaf[0].isSelfIssued)
        #expect(leaf[0].keyName == "P-256" && leaf[0].hasUsableKey)
        #expect(try Self.read(authority, "edwards.crt")[0].keyName == "Ed25519")
        let rsa = try Self.read(authority, "rsa.crt")[0]
        #expect(rsa.keyName == "RSA 2048" && rsa.hasUsableKey && rsa.isSelfIssued)
        let key = SecretBytes(
            copying: Array(try Data(contentsOf: URL(fileURLWithPath: authority.path("rsa.key")))))
        #expect(try rsa.matches(keyPEM: key))
        #expect(try !leaf[0].matches(keyPEM: key))
        #expect(throws: CryptographyError.self) { try leaf[0].certificate() }
        #expect(throws: CryptographyError.self) { try PresentedCertificate.all(pem: Array("nothing".utf8)) }
    }

    @Test func aListStatesItsNumberAndDates() throws {
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        let authority = try CertificateAuthority(
            name: "a", key: CertificateKey(generating: .p256), now: now)
        let list = try authority.revocationList([], number: 7, validDays: 45, now: now)
        #expect(list.number == 7 && list.lastUpdate < now)
        let dates = try RevocationDates.all(pem: list.pem() + list.pem())
        #expect(dates.count == 2 && dates[0].nextUpdate == list.nextUpdate)
        #expect(dates[0].issuer.contains("CN=a"))
    }
}
