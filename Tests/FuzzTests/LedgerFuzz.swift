// Fuzzes the readers of the privacy ledger and of events. Run by FuzzDriverTests, and with libFuzzer by Tests/Fuzz/run.

@testable import Ledger

/// Stands in for SHA-256: the fuzzer is after the readers, and must be able to reach behind the hash.
private struct WeakHash: LedgerHash {
    func digest(of bytes: [UInt8]) -> [UInt8] {
        [UInt8](repeating: UInt8(truncatingIfNeeded: bytes.count), count: 32)
    }
}

private struct AnySignature: LedgerVerifier {
    func isValid(signature: [UInt8], of bytes: [UInt8], publicKey: String) -> Bool { true }
}

enum LedgerFuzz {
    /// A line is read only where it is exactly what would be written; nothing traps.
    static func run(_ input: UnsafeRawBufferPointer) {
        let bytes = Array(input)
        if let line = LedgerLine(text: bytes) {
            precondition(line.text.utf8.elementsEqual(bytes), "there are two forms of one line")
        }
        _ = LedgerVerification(hash: WeakHash(), verifier: AnySignature()).verify(bytes)
        if let event = try? LedgerEvent(json: bytes) {
            precondition((try? LedgerEvent(json: event.json.utf8)) == event, "an event changed")
        }
    }
}
