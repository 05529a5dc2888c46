import Foundation
import Privacy
import Synchronization

@testable import Ledger

/// A stand-in for SHA-256: four chained 64-bit mixes. Good enough to notice any edit in a test.
struct MixingHash: LedgerHash {
    func digest(of bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for seed in 1...4 {
            var state = 0xCBF2_9CE4_8422_2325 &+ UInt64(seed) &* 0x9E37_79B9_7F4A_7C15
            for byte in bytes {
                state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
                state ^= state >> 29
            }
            withUnsafeBytes(of: state.bigEndian) { result += Array($0) }
        }
        return result
    }
}

/// Signs by hashing with a secret; verifies by doing it again.
struct MixingSigner: LedgerSigner, LedgerVerifier {
    struct Refusal: Error {}

    var secret = "secret"
    var publicKey: String { "key of \(secret)" }

    func sign(_ bytes: [UInt8]) throws -> [UInt8] { MixingHash().digest(of: Array(publicKey.utf8) + bytes) }

    func isValid(signature: [UInt8], of bytes: [UInt8], publicKey: String) -> Bool {
        signature == MixingHash().digest(of: Array(publicKey.utf8) + bytes)
    }
}

/// Lines in memory, whose writes can be made to fail after some bytes.
final class MemoryStore: LedgerStore {
    struct Failure: Error {}

    private struct Content {
        var bytes: [UInt8]
        var appendsLeft: Int?
        var bytesOfFailingAppend = 0
    }

    private let content: Mutex<Content>

    init(_ bytes: [UInt8] = []) { content = Mutex(Content(bytes: bytes)) }

    var bytes: [UInt8] { content.withLock { $0.bytes } }

    /// Lets `appends` more succeed; the next one writes `bytes` bytes and throws.
    func fail(afterAppends appends: Int, writing bytes: Int = 0) {
        content.withLock {
            $0.appendsLeft = appends
            $0.bytesOfFailingAppend = bytes
        }
    }

    func load(from start: Int) throws -> [UInt8]? { start <= bytes.count ? Array(bytes[start...]) : nil }

    func append(_ bytes: [UInt8], waits: Bool) throws {
        try content.withLock {
            if let left = $0.appendsLeft {
                guard left > 0 else {
                    $0.bytes += bytes.prefix($0.bytesOfFailingAppend)
                    throw Failure()
                }
                $0.appendsLeft = left - 1
            }
            $0.bytes += bytes
        }
    }

    func truncate(to count: Int) throws { content.withLock { $0.bytes.removeLast($0.bytes.count - count) } }
}

enum LedgerFixture {
    static let opening = LedgerEntry.Opening(
        taskDigest: "ab", adjacency: .addOrRemoveOne, delta: 1e-5, epsilonLimit: 8,
        serverEpsilonLimit: .infinity)
    static let budget = PrivacyBudget(epsilon: 8, delta: 1e-5)

    static func costs(_ multiplier: Double = 1) -> LedgerEntry.RoundCosts {
        let event = LedgerEvent(fields: [
            "mechanism": .string("gaussian"), "noise_multiplier": .number(multiplier), "steps": .number(1),
        ])
        return .init(released: [event], server: [event])
    }

    static func settlement(_ survivors: Int = 20, multiplier: Double = 1) -> LedgerEntry.Settlement {
        .init(survivors: survivors, costs: costs(multiplier), sumDigest: "5a")
    }

    /// A toy accountant: each event costs 1 / multiplier.
    static func epsilon(
        _ observer: BudgetExcess.Observer, _ events: LedgerTally, _ delta: Double
    ) throws -> Double {
        events.items.reduce(0) { $0 + Double($1.count) / ($1.event.fields["noise_multiplier"]?.number ?? 0) }
    }

    static func open(_ store: MemoryStore, run: String = "run-1", anchor: LedgerHead? = nil) throws
        -> PrivacyLedger
    {
        try PrivacyLedger(
            run: run, opening: opening, time: "2026-01-01T00:00:00Z", hash: MixingHash(),
            signer: MixingSigner(),
            verifier: MixingSigner(), store: store, anchor: anchor)
    }

    static func verify(_ bytes: [UInt8], key: String? = nil, anchor: LedgerHead? = nil) -> LedgerVerdict {
        LedgerVerification(hash: MixingHash(), verifier: MixingSigner(), trustedKey: key, anchor: anchor)
            .verify(bytes)
    }

    /// A store with an opening and `rounds` released rounds: 1 + 3 × rounds lines.
    static func released(rounds: Int) throws -> MemoryStore {
        let store = MemoryStore()
        var ledger = try open(store)
        for round in 1...rounds {
            try ledger.charge(round: round, costs: costs(), within: budget, epsilon: epsilon)
            try ledger.settle(round: round, settlement(round + 10))
            try ledger.release(round: round, modelDigest: "0\(round)", within: budget, epsilon: epsilon)
        }
        return store
    }
}
