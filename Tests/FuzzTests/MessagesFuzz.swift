// Fuzzes the readers of control messages. Run by FuzzDriverTests, and with libFuzzer by Tests/Fuzz/run.

@testable import Messages

private func read<Message: ControlMessage>(_ type: Message.Type, _ bytes: [UInt8]) {
    guard let message = try? Message(decoding: bytes) else { return }
    guard let again = try? message.encoded(), let back = try? Message(decoding: again) else {
        preconditionFailure("what was read cannot be written and read")
    }
    precondition(back == message, "changed on the way")
}

enum MessagesFuzz {
    /// The first byte chooses the message.
    static func run(_ input: UnsafeRawBufferPointer) {
        guard let kind = input.first else { return }
        let rest = Array(input.dropFirst())
        switch kind % 10 {
        case 0: read(CheckInRequest.self, rest)
        case 1: read(RoundOffer.self, rest)
        case 2: read(FailureReport.self, rest)
        case 3: read(ErrorAnswer.self, rest)
        case 4: read(UpdateReceipt.self, rest)
        case 5: read(EnrolmentRequest.self, rest)
        case 6: read(RenewalRequest.self, rest)
        case 7: read(RelayedRenewal.self, rest)
        case 8: read(CertificateAnswer.self, rest)
        default:
            read(TaskOffer.self, rest)
            if let header = try? rest.withUnsafeBytes({ bytes throws(MessageError) in
                try UpdateHeader(decoding: bytes)
            }) {
                precondition(
                    header.encoded().elementsEqual(rest.prefix(UpdateHeader.byteCount)), "not the only form")
            }
        }
    }
}
