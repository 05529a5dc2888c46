import Configuration
import Federation
import Foundation
import HTTPWire
import Messages
import Operations

@testable import AggregationServer
@testable import Transport

/// What a desk needs, without a server: a plan, a clock that the test moves, and what the desk logged and told.
final class DeskFixture: DeskObserver {
    /// A time that only the test moves.
    final class Clock { var now = 1_700_000_000.0 }

    let clock = Clock()
    let logged = Logged()
    let context: DeskContext
    private(set) var boardChanges = 0
    private(set) var statusChanges = 0

    /// The plan of a linear model with `changes`, each `path=value`; nothing is read or written.
    init(_ changes: [String] = [], stallPauses: StallPauses = StallPauses()) throws {
        let text = """
            { task: {
                name: "test", model: { layers: [ { dense: 2 } ] },
                training: { learning_rate: 0.1, loss: "mse" },
                rounds: 2, cohort_size: 3, min_reports: 2, report_deadline: "60s",
                privacy: { mode: "none" }, evaluation: { holdout: "none" } },
              server: {
                state_directory: "state", population: 4, seed: 7, input_shape: [3],
                preprocessing: { kind: "images", classes: [] },
                tls: { certificate: "server.crt", key: "server.key", ca: "authority.crt" } } }
            """
        var document = ConfigurationDocument(
            root: try JSONValue(json5: Data(text.utf8), source: "test"), file: "/nowhere/test.json5")
        for change in changes { try document.set(change) }
        var configuration = try ServerConfiguration(document)
        configuration.stallPauses = stallPauses
        let console = Console(isTerminal: false) { [logged] in logged.append($0) }
        context = DeskContext(
            try ServerSetup(configuration), board: RoundBoard(), metrics: ServerMetrics(),
            log: Logger(level: .debug, format: .json, console: console)
        ) { [clock] in clock.now }
        context.observer = self
    }

    func boardChanged() { boardChanges += 1 }
    func statusChanged() { statusChanges += 1 }

    /// Messages of the lines logged so far.
    var messages: [String] { get throws { try logged.lines().compactMap { $0["message"] as? String } } }

    /// A round's file in a state.
    static func file(
        _ number: Int, _ state: RoundFile.State = .open, invited: [Int] = [0, 1, 2], opened: Double = 0,
        publication: Double? = nil
    ) -> RoundFile {
        RoundFile(
            run: String(repeating: "a", count: 32), round: number, state: state, opened: opened,
            deadline: opened + 60, publication: publication, invited: invited,
            abandoned: state == .abandoned ? "0 reports, 2 required" : nil)
    }
}

/// A folder of its own, removed with the object.
final class TemporaryFolder {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A request that a desk answers, without a connection.
struct OpenRequest {
    let responder: Responder
    private let claim: AnswerClaim
    private let mailbox: Mailbox
    private let given = Given()

    private final class Given { var responses: [HTTPResponse] = [] }

    init() throws {
        claim = AnswerClaim()
        mailbox = try Mailbox()
        responder = Responder(
            claim, mailbox: mailbox, exchange: ExchangeID(connection: 1, number: 1), request: RequestID())
    }

    /// The answer; nil while there is none.
    var answer: HTTPResponse? {
        for case .respond(_, let response) in mailbox.take() { given.responses.append(response) }
        return given.responses.first
    }

    /// Status of the answer; nil while there is none.
    var status: Int? { answer?.status }

    /// Body of the answer.
    var body: [UInt8] { if case .bytes(let bytes)? = answer?.body { bytes } else { [] } }

    /// The word of a refusal.
    var word: String? { (try? ErrorAnswer(decoding: body))?.error }

    /// The client goes.
    func disconnect() { claim.disconnect() }
}

extension RunService.Surroundings {
    /// Those of a run that is alone on its server.
    static func alone(_ log: Logger) -> RunService.Surroundings {
        RunService.Surroundings(
            agents: SharedAgents(areShared: false), condition: ServerCondition(), metrics: ServerMetrics(),
            memory: UpdateMemory(limit: 1 << 20), log: log)
    }
}
