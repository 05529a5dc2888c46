import Foundation
import Messages
import Notation
import Testing

@Suite struct ControlMessageTests {
    private static let run = "00112233445566778899aabbccddeeff"
    private static let digest = String(repeating: "ab", count: 32)

    static let plan = RoundOffer(
        run: run, round: 3, client: 7, seed: 42, population: 10, task: "{\"name\":\"t\"}", taskSHA256: digest,
        model: .init(round: 2, sha256: digest, bytes: 1024),
        privacy: PrivacyFacts(
            mode: "central", clippingNorm: 0.5, noiseMultiplier: 1.25, adjacency: "add-or-remove-one",
            mechanism: "gaussian", sampling: "none", targetDelta: 1e-5, targetEpsilon: 8, roundEpsilon: 4.5,
            roundServerEpsilon: nil, encodedNorm: 1000.5, minimumReports: 2, cohortSize: 5),
        report: ReportShape(count: 100, bits: 32, scale: 65536), deadlineSeconds: 600)

    private func text(_ message: some ControlMessage) throws -> String {
        String(decoding: try message.encoded(), as: UTF8.self)
    }

    private func read<Message: ControlMessage>(_ type: Message.Type, _ text: String) throws -> Message {
        try Message(decoding: Array(text.utf8))
    }

    @Test func goldenTexts() throws {
        let checkIn = CheckInRequest(run: Self.run, software: "0.1.0", waitSeconds: 30, lastRound: 2)
        #expect(
            try text(checkIn)
                == "{\"accepts_other_run\":true,\"last_round\":2,\"protocol\":1,"
                + "\"run\":\"\(Self.run)\",\"software\":\"0.1.0\",\"wait_seconds\":30}")
        #expect(try CheckInRequest(decoding: checkIn.encoded()) == checkIn)
        #expect(
            try text(Self.plan)
                == "{\"client\":7,\"deadline_seconds\":600,\"model\":{\"bytes\":1024,\"etag\":\"\\\"\(Self.digest)\\\"\","
                + "\"round\":2,\"sha256\":\"\(Self.digest)\"},\"population\":10,\"privacy\":{\"adjacency\":\"add-or-remove-one\","
                + "\"clipping_norm\":0.5,\"cohort_size\":5,\"encoded_norm\":1000.5,\"mechanism\":\"gaussian\","
                + "\"minimum_reports\":2,\"mode\":\"central\",\"noise_multiplier\":1.25,\"round_epsilon\":4.5,"
                + "\"sampling\":\"none\",\"target_delta\":1e-05,\"target_epsilon\":8},\"protocol\":1,"
                + "\"report\":{\"bits\":32,\"count\":100,\"scale\":65536},\"round\":3,\"run\":\"\(Self.run)\","
                + "\"seed\":42,\"task\":\"{\\\"name\\\":\\\"t\\\"}\",\"task_sha256\":\"\(Self.digest)\"}")
        #expect(try RoundOffer(decoding: Self.plan.encoded()) == Self.plan)
        let failure = FailureReport(run: Self.run, reason: .budget, detail: "spent")
        #expect(try text(failure) == "{\"detail\":\"spent\",\"reason\":\"budget\",\"run\":\"\(Self.run)\"}")
        #expect(try text(ErrorAnswer(error: "a", detail: "b")) == "{\"detail\":\"b\",\"error\":\"a\"}")
        let pem = "-----BEGIN CERTIFICATE REQUEST-----\n"
        let enrolment = EnrolmentRequest(token: "t", signingRequest: pem)
        #expect(
            try text(enrolment)
                == "{\"csr\":\"-----BEGIN CERTIFICATE REQUEST-----\\n\",\"token\":\"t\"}")
        #expect(try EnrolmentRequest(decoding: enrolment.encoded()) == enrolment)
        let answer = CertificateAnswer(certificate: pem, authority: pem, expires: 1_800_000_000)
        #expect(try CertificateAnswer(decoding: answer.encoded()) == answer)
    }

    @Test func offersHaveOneText() throws {
        let offer = TaskOffer(
            run: Self.run, population: 10, task: "{\"name\":\"t\"}", taskSHA256: Self.digest,
            inputShape: [28, 28],
            preprocessing: nil)
        #expect(
            try text(offer)
                == "{\"input_shape\":[28,28],\"population\":10,\"protocol\":1,\"run\":\"\(Self.run)\","
                + "\"task\":\"{\\\"name\\\":\\\"t\\\"}\",\"task_sha256\":\"\(Self.digest)\"}")
        #expect(try TaskOffer(decoding: offer.encoded()) == offer)
        for shape in [[0], [-1], [Int.max], [Int](repeating: 1, count: 17)] {
            var other = offer
            other.inputShape = shape
            #expect(throws: MessageError.self) { try other.encoded() }
        }
    }

    @Test func countsOfReceivedBytesAreWholeAndNotNegative() throws {
        #expect(try text(ReceivedBytes(received: 5_000_000_000)) == "{\"received\":5000000000}")
        #expect(try read(ReceivedBytes.self, " { \"received\" : 0 } ").received == 0)
        for other in ["-1", "1.5", "\"1\"", "null", "9223372036854775808", "1,\"sha256\":\"\""] {
            #expect(throws: MessageError.self) { try read(ReceivedBytes.self, "{\"received\":\(other)}") }
        }
    }

    /// Words of 0.1.0 are read still.
    @Test(arguments: [
        "policy", "budget", "conditions", "schema", "data", "training", "storage", "busy", "other",
    ])
    func reasons(word: String) throws {
        let report = try read(
            FailureReport.self, "{\"detail\":\"d\",\"reason\":\"\(word)\",\"run\":\"\(Self.run)\"}")
        #expect(report.reason.rawValue == word)
    }

    @Test(arguments: [
        "", "null", "[]", "{", "{}", "{\"software\":\"x\"}",
        "{\"accepts_other_run\":true,\"last_round\":2,\"protocol\":1,\"software\":\"x\",\"wait_seconds\":30,\"a\":1}",
        "{\"accepts_other_run\":true,\"last_round\":2,\"protocol\":1,\"software\":\"x\",\"wait_seconds\":61}",
        "{\"accepts_other_run\":true,\"last_round\":-1,\"protocol\":1,\"software\":\"x\",\"wait_seconds\":0}",
        "{\"accepts_other_run\":true,\"last_round\":1.5,\"protocol\":1,\"software\":\"x\",\"wait_seconds\":0}",
        "{\"accepts_other_run\":true,\"last_round\":1,\"protocol\":1,\"software\":\"x\\n\",\"wait_seconds\":0}",
        "{\"accepts_other_run\":true,\"last_round\":1,\"protocol\":1,\"run\":\"AB\",\"software\":\"x\",\"wait_seconds\":0}",
        "{\"accepts_other_run\":1,\"last_round\":1,\"protocol\":1,\"software\":\"x\",\"wait_seconds\":0}",
    ])
    func refusesOtherCheckIns(_ text: String) {
        #expect(throws: MessageError.self) { try read(CheckInRequest.self, text) }
    }

    @Test func refusesUnknownKeysAtDepthAndTakesNullForAbsent() throws {
        let text = try text(Self.plan)
        let extended = text.replacing("\"bits\":32", with: "\"bits\":32,\"colour\":1")
        #expect(throws: MessageError("RoundOffer: has a key that is not known")) {
            try read(RoundOffer.self, extended)
        }
        let null = text.replacing("\"mode\":", with: "\"round_server_epsilon\":null,\"mode\":")
        #expect(try read(RoundOffer.self, null) == Self.plan)
    }

    /// A key more is refused wherever it stands, also where a body is otherwise written as ours are.
    @Test func bodiesOfAnotherFormAreReadAsStrictly() throws {
        let text = try text(Self.plan)
        for place in text.indices where text[place] == "{" {
            let after = text.index(after: place)
            let extended = text[..<after] + "\"!\":0," + text[after...]
            // Within the task's text a brace is no object of the message.
            guard let data = extended.data(using: .utf8),
                (try? JSONSerialization.jsonObject(with: data)) != nil
            else { continue }
            #expect(throws: MessageError.self) { try read(RoundOffer.self, String(extended)) }
        }
        let spaced = text.replacing("\":", with: "\" :")
        #expect(try spaced != text && read(RoundOffer.self, " \(text)\n") == Self.plan)
        #expect(try read(RoundOffer.self, text) == Self.plan)
    }

    @Test func refusesWhatIsTooLongBeforeParsing() {
        let long = [UInt8](repeating: 0x20, count: CheckInRequest.byteLimit + 1)
        #expect(throws: MessageError.self) { try CheckInRequest(decoding: long) }
        let nested = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
        #expect(throws: MessageError.self) { try RoundOffer(decoding: nested) }
    }

    @Test func everyTruncationIsRefused() throws {
        let bytes = try Self.plan.encoded()
        for count in 0..<bytes.count {
            #expect(throws: MessageError.self) { try RoundOffer(decoding: Array(bytes[..<count])) }
        }
    }

    @Test func updateHeaderHasGoldenBytes() throws {
        let header = try #require(
            UpdateHeader(run: Self.run, round: 3, weight: 600, count: 0x0102_0304, bits: 24))
        let bytes = header.encoded()
        #expect(
            Hexadecimal.text(of: bytes)
                == "534f524455504401" + Self.run + "0300000000000000" + "5802000000000000"
                + "0403020100000000" + "18000000" + "00000000")
        let back = try bytes.withUnsafeBytes { try UpdateHeader(decoding: $0) }
        #expect(back == header)
        #expect(back.runText == Self.run)
        #expect(back.values == .ring && back.bodyByteCount(compressed: 7) == (0x0102_0304 * 24 + 7) / 8)
        var floats = header
        floats.values = .floats
        #expect(floats.encoded() == bytes[..<52] + [1, 0, 0, 0])
        #expect(floats.bodyByteCount(compressed: 7) == 4 * 0x0102_0304)
        var compressed = header
        compressed.values = .compressed
        #expect(compressed.encoded() == bytes[..<52] + [2, 0, 0, 0])
        #expect(compressed.bodyByteCount(compressed: 7) == 7)
        for count in 0..<bytes.count {
            #expect(throws: MessageError.self) {
                try Array(bytes[..<count]).withUnsafeBytes { try UpdateHeader(decoding: $0) }
            }
        }
        for (place, value) in [
            (0, 0x54), (7, 2), (24, 0), (39, 0x80), (47, 0x80), (48, 65), (52, 3), (55, 1),
        ] {
            var damaged = bytes
            damaged[place] = UInt8(value)
            #expect(throws: MessageError.self) {
                try damaged.withUnsafeBytes { try UpdateHeader(decoding: $0) }
            }
        }
    }
}
