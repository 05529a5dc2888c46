internal import HTTPWire
internal import Operations
internal import Synchronization
internal import Transport

/// A run at work: its host on a thread of its own, and the ways in to it from event loops.
final class RunService: Sendable {
    /// What the runs of one server have in common.
    struct Surroundings: Sendable {
        let agents: SharedAgents
        let condition: ServerCondition
        var metrics: ServerMetrics
        /// Memory for updates on their way to the disk, of all runs together.
        let memory: UpdateMemory
        /// Calls whoever wants to be called; nil where nobody does.
        var notices: NoticeSender?
        /// Where the models of runs that have ended are written down; nil: nowhere.
        var registry: ModelRegistry?
        /// Who submitted the run; nil: it is the server's own.
        var submitter: String?
        var log: Logger
    }

    /// The run's identity, 32 hexadecimal digits.
    let run: String
    let setup: ServerSetup
    let state: StateDirectory
    let mailbox: OwnerMailbox
    let board: RoundBoard
    let events: EventHub
    /// What agents ask of this run.
    let router: RunRouter
    /// Alive while the host turns.
    let pulse: Pulse
    private let keeper: UpdateKeeper
    private let reader: MaskedReportReader
    private let shelf: PartShelf
    private let owner: WorkerThread
    private let outcome: Outcome
    /// The hold of the run's own folder, where it has one.
    private let lock: StateLock?

    /// Where the run stood when its host ended; nil before.
    private final class Outcome: Sendable {
        private let state = Mutex<RunEnd?>(nil)
        var end: RunEnd? {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }

    /// Takes the run of the setup's state directory up, or begins it, and works on it at once. Throws a `Failure` where that
    /// cannot be.
    init(_ setup: ServerSetup, events: EventHub, _ surroundings: Surroundings) throws {
        lock =
            surroundings.agents.areShared ? try StateLock(setup.configuration.stateDirectory) : nil
        let (mailbox, board, pulse, outcome) = (OwnerMailbox(), RoundBoard(), Pulse(), Outcome())
        let hand = try Handover(
            RunHost(
                setup: setup, mailbox: mailbox, board: board, events: events, pulse: pulse,
                surroundings: surroundings))
        run = board.read { $0.run }
        let state = try StateDirectory(setup.configuration.stateDirectory)
        let keeper = try UpdateKeeper(mailbox: mailbox, memory: surroundings.memory)
        let reader = try MaskedReportReader(mailbox: mailbox)
        let shelf = try PartShelf(Spool(state))
        router = RunRouter(
            mailbox: mailbox, board: board, spool: Spool(state), keeper: keeper,
            memory: surroundings.memory,
            parts: PartialReports(shelf, keeper: keeper, reader: reader, mailbox: mailbox),
            reader: reader, setup: setup)
        self.setup = setup
        self.state = state
        self.mailbox = mailbox
        self.board = board
        self.events = events
        self.pulse = pulse
        self.keeper = keeper
        self.reader = reader
        self.shelf = shelf
        self.outcome = outcome
        owner = try WorkerThread(name: "round-owner") {
            guard let host = hand.take() else { return }
            host.work()
            outcome.end = host.end
        }
    }

    /// Where the run stood when its host ended; nil while it works.
    var end: RunEnd? { outcome.end }

    /// Mail that waits for the host.
    var mailDepth: Int { mailbox.depth }
    /// Reports that wait to be synced.
    var spoolDepth: Int { keeper.depth }

    /// Saves everything and ends the host: what agents have sent is on disk, and the round goes on at the next start. To be
    /// called once, and ``close()`` after it.
    /// - Returns: where the run stands.
    func stop() -> RunEnd {
        mailbox.post(.shutDown)
        owner.join()
        // Whoever waits for an answer that nobody gives any more hears that there is none.
        _ = mailbox.take(waiting: 0)
        events.close()
        return outcome.end ?? .unfinished
    }

    /// Ends what serves event loops, once those ask nothing more.
    func close() {
        shelf.close()
        keeper.close()
        reader.close()
    }

    /// Passes the host, which is not Sendable, to its thread, once.
    ///
    /// `@unchecked Sendable`: the value is put in before the thread starts and taken out by it alone.
    private final class Handover: @unchecked Sendable {
        private var host: RunHost?
        init(_ host: RunHost) { self.host = host }
        func take() -> RunHost? { host.take() }
    }
}
