// Fuzzes the readers of secure aggregation's messages. Run by FuzzDriverTests, and with libFuzzer by Tests/Fuzz/run.

@testable import SecureAggregation

private func read<Message: SecureAggregationMessage>(_ type: Message.Type, _ bytes: [UInt8]) {
    guard let message = try? Message(decoding: bytes) else { return }
    precondition(message.encoded() == bytes, "there are two forms of one message")
}

enum SecureAggregationFuzz {
    /// Each message has one binary form: what is read is written as the same bytes.
    static func run(_ input: UnsafeRawBufferPointer) {
        let bytes = Array(input)
        read(Advertisement.self, bytes)
        read(RosterMessage.self, bytes)
        read(SealedShares.self, bytes)
        read(SurvivorSet.self, bytes)
        read(Confirmation.self, bytes)
        read(Quorum.self, bytes)
        read(UnmaskShares.self, bytes)
        read(EncryptedVector.self, bytes)
    }
}
