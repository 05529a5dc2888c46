// Fuzzes the readers of secure aggregation's messages. Built by Tests/Fuzz/run and by nothing else.

@testable import SecureAggregation

private func read<Message: SecureAggregationMessage>(_ type: Message.Type, _ bytes: [UInt8]) {
    guard let message = try? Message(decoding: bytes) else { return }
    precondition(message.encoded() == bytes, "there are two forms of one message")
}

/// Each message has one binary form: what is read is written as the same bytes.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSecureAggregation(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    read(Advertisement.self, bytes)
    read(RosterMessage.self, bytes)
    read(SealedShares.self, bytes)
    read(SurvivorSet.self, bytes)
    read(Confirmation.self, bytes)
    read(Quorum.self, bytes)
    read(UnmaskShares.self, bytes)
    return 0
}
