import Configuration
import Cryptography
import Federation
import Foundation
import Learning
import Privacy
import SecureAggregation
import TestSupport
import Testing

@testable import ClientAgent
@testable import HTTPWire
@testable import Ledger
@testable import Messages
@testable import Operations
@testable import Transport

/// What a program says and returns when an error ends it: one map for `sordino` and `sordino-agent`.
@Suite("Every error type has one exit code") struct ExitCodeTests {
    /// An error, and the status that its program ends with. Every type stands here, and of a type all cases that differ.
    struct Example: Sendable, CustomTestStringConvertible {
        let error: any Error
        let code: ExitCode

        init(_ error: any Error, _ code: ExitCode) {
            self.error = error
            self.code = code
        }

        var type: String { "\(Swift.type(of: error))" }
        var testDescription: String { "\(type) \(error)" }
    }

    static let examples: [Example] = [
        Example(Failure(.usage, "no such option"), .usage),
        Example(ConfigurationError(path: "task", problem: "is missing"), .invalidInput),
        Example(ThreadError(code: EAGAIN), .internalFault),
        // Rooms without programs.
        Example(PrivacyRefusal("affords no round"), .refused),
        Example(UpdateRefusal.notFinite, .invalidInput),
        Example(StepOutOfOrder("a sum without a round"), .internalFault),
        Example(LedgerError.unsound(LedgerFinding(line: 3, reason: "has another hash")), .storage),
        Example(LedgerError.otherOwner(found: "a", expected: "b"), .storage),
        Example(LedgerError.failedBefore, .storage),
        Example(LedgerError.rule(.closed), .refused),
        Example(LedgerError.unaffordable(BudgetExcess(against: .server, epsilon: 2, limit: 1)), .refused),
        Example(LedgerRuleViolation.notOpened, .refused),
        Example(AccountingError.malformedEvent("no mechanism"), .invalidInput),
        Example(MechanismError.unprovedForTrees(mechanism: "skellam"), .invalidInput),
        Example(MatrixError.unproved, .invalidInput),
        Example(MatrixError.roundsExceeded(round: 101, rounds: 100), .refused),
        Example(ClippingError.notFinite(index: 0), .invalidInput),
        Example(TrainingError.noExamples, .invalidInput),
        Example(MessageError("malformed check-in"), .network),
        Example(SafeTensorsError("shorter than its header"), .invalidInput),
        Example(CryptographyError.invalidKey("no PEM"), .invalidInput),
        Example(CryptographyError.invalidCertificate("no PEM"), .invalidInput),
        Example(CryptographyError.invalidSharing("two points"), .invalidInput),
        Example(CryptographyError.invalidLattice("42 bits"), .invalidInput),
        Example(CryptographyError.spentKey, .internalFault),
        Example(CryptographyError.lowOrderPoint, .invalidInput),
        Example(CryptographyError.tooLong("name", limit: 64), .invalidInput),
        Example(CryptographyError.wrongLength(of: "key", expected: 32, actual: 1), .invalidInput),
        Example(CryptographyError.authenticationFailed, .network),
        Example(CryptographyError.randomnessUnavailable, .internalFault),
        Example(CryptographyError.libraryFailure("EVP_PKEY_new"), .internalFault),
        Example(SecureAggregationError.impossibleRates("no degree"), .invalidInput),
        Example(SecureAggregationError.ownAbsence, .network),
        Example(SecureAggregationError.cryptography(.randomnessUnavailable), .internalFault),
        // Transport.
        Example(TLSError.keyExposed(path: "key.pem", mode: 0o644), .network),
        Example(SocketError(doing: "listen", code: EADDRINUSE), .network),
        Example(ClientError.timedOut("the handshake"), .network),
        Example(ClientError.tls(TLSFault("refused", cause: .peerExpired)), .network),
        Example(ClientError.cancelled, .interrupted),
        Example(HTTPRefusal.bareLineFeed, .network),
        Example(HTTPFieldError(field: "x"), .internalFault),
        // The agent.
        Example(TrainerFailure("ended with status 1"), .invalidInput),
        Example(TaskWithoutSchema(), .invalidInput),
        Example(TooSmallCrowd(Crowd(columns: ["age"], size: 5)), .refused),
        Example(UnusablePlan("no model"), .invalidInput),
        Example(ModelOutOfBounds(limit: 10), .invalidInput),
        Example(OwnCertificateTrouble(level: .expired, sentence: "agent.pem has expired"), .network),
    ]

    /// Errors that are caught where they are thrown, each with whoever turns it into another.
    static let inner: [String: String] = [
        "BenchFailure": "sordino-bench, which is no command of the product's",
        "Ended": "RoundRunner gives the round up",
        "DamagedImage": "FolderImages names the file",
        "DamagedStream": "Gzip, which refuses the file",
        "Repetition": "the readers of vocabularies name the file and the line",
        "RegistryViolation": "ModelRegistry names the file and the line",
        "Obstacle": "RegistryRoutes answers the administrator",
        "Problem": "ARFFFile names the line, and who reads a KeptMemory the file",
        "VectorLevelError": "OpenBLASKernel says it before the program begins and ends with 2",
        "PartitionProblem": "PartitionerCatalog names the section",
        "Refusal": "PresenceDesk answers the agent",
        "RoundLoss": "RoundCompletion abandons the round",
        "ShapeProblem": "Model names the layer",
    ]

    @Test("A program ends with the type's code and one line", arguments: examples)
    func code(example: Example) {
        let failure = Failure(wrapping: example.error)
        #expect(failure.exitCode == example.code)
        #expect(!failure.message.isEmpty && !failure.message.contains("\n"))
        #expect(failure.message.hasPrefix("internal fault: ") == (example.code == .internalFault))
        #expect((example.error as? any ExitCoded)?.exitCode == example.code, "the type itself says so")
    }

    @Test("An error that nobody knows is a fault of the program")
    func unknown() {
        struct Odd: Error {}
        #expect(Failure(wrapping: Odd()) == Failure(.internalFault, "internal fault: Odd()"))
    }

    @Test("A stop says nothing of a network, and a message from the other side says where it came from")
    func words() {
        #expect(Failure(wrapping: ClientError.cancelled).message == "interrupted")
        #expect(Failure(wrapping: MessageError("x")).message.hasSuffix("not acceptable: x"))
        #expect(Failure(wrapping: Failure(.refused, "as it is")) == Failure(.refused, "as it is"))
    }

    /// Reads the sources, so that a new error type cannot be forgotten here.
    @Test("Every error type of the sources stands in one of the lists above")
    func everyType() throws {
        let sources = Vectors.folder.deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Sources")
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        let declaration = /\b(?:enum|struct|class) (\w+):[^{\n]*\b(?:Error|ExitCoded)\b/
        var found: Set<String> = []
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: declaration) { found.insert(String(match.1)) }
        }
        let coded = Set(Self.examples.map(\.type))
        #expect(coded.isDisjoint(with: Self.inner.keys))
        #expect(found == coded.union(Self.inner.keys))
    }
}
