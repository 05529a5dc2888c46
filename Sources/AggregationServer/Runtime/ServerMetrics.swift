internal import Cryptography
internal import Foundation
internal import HTTPWire
internal import Operations
internal import Transport

/// The server's measurements, as Prometheus reads them.
struct ServerMetrics: Sendable {
    let registry = Metrics()
    let checkIns: Metrics.Counter
    private(set) var heldCheckIns: RunGauge
    let assignments: Metrics.Counter
    let reports: Metrics.Counter
    let failures: Metrics.Counter
    let rounds: Metrics.Counter
    let roundSeconds: Metrics.Histogram
    let bytesUp: Metrics.Counter
    let storageFailures: Metrics.Counter
    /// Notices by what became of an attempt to tell them.
    let notices: Metrics.Counter
    /// Notices that receivers have not got yet.
    let noticesWaiting: Metrics.Gauge
    private var epsilon: RunGauge
    private var accuracy: RunGauge
    private var loss: RunGauge
    private var currentRound: RunGauge
    private let connections: Metrics.Gauge
    private let handshakes: Metrics.Counter
    private let handshakeSeconds: Metrics.Histogram
    private let requests: Metrics.Counter
    private let requestSeconds: Metrics.Histogram
    private let bytesDown: Metrics.Counter
    private let refusals: Metrics.Counter
    private(set) var agentsKnown: RunGauge
    private(set) var agentsPresent: RunGauge
    private(set) var openReports: RunGauge
    private(set) var stalled: RunGauge
    private var serverEpsilon: RunGauge
    private var membersEpsilon: RunGauge
    private let bytesIn: Metrics.Counter
    private let keeperQueue: Metrics.Gauge
    private let resident: Metrics.Gauge
    private let memory: Metrics.Gauge
    private let queue: Metrics.Gauge
    private let expirySeconds: Metrics.Gauge

    /// Measurements of a server; with `labelsRuns` those of its runs say whose they are.
    init(labelsRuns: Bool = false) {
        let registry = registry
        func gauge(_ name: String, help: String) -> RunGauge {
            RunGauge(gauge: registry.gauge(name, help: help, labels: labelsRuns ? ["run"] : []))
        }
        let seconds = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300]
        checkIns = registry.counter("sordino_check_ins_total", help: "Check-ins of agents.")
        heldCheckIns = gauge("sordino_check_ins_held", help: "Check-ins that wait for work.")
        assignments = registry.counter("sordino_assignments_total", help: "Assignments given out.")
        reports = registry.counter(
            "sordino_reports_total", help: "Reports by outcome.", labels: ["outcome"])
        failures = registry.counter(
            "sordino_agent_failures_total", help: "Rounds given up by agents.", labels: ["reason"])
        rounds = registry.counter("sordino_rounds_total", help: "Rounds by outcome.", labels: ["outcome"])
        roundSeconds = registry.histogram(
            "sordino_round_seconds", help: "From cohort choice to model published.", bounds: seconds)
        bytesUp = registry.counter("sordino_report_bytes_total", help: "Bytes of accepted reports.")
        bytesDown = registry.counter("sordino_response_bytes_total", help: "Body bytes of answers.")
        storageFailures = registry.counter("sordino_storage_failures_total", help: "Writes that failed.")
        notices = registry.counter(
            "sordino_notices_total", help: "Attempts to tell somebody of an event, by outcome.",
            labels: ["outcome"])
        noticesWaiting = registry.gauge(
            "sordino_notices_waiting", help: "Notices that receivers have not got yet.")
        epsilon = gauge("sordino_epsilon_spent", help: "Epsilon spent against released models.")
        accuracy = gauge("sordino_accuracy", help: "Accuracy on the hold-out.")
        loss = gauge("sordino_loss", help: "Loss on the hold-out.")
        currentRound = gauge("sordino_round", help: "Number of the last concluded round.")
        connections = registry.gauge("sordino_connections", help: "Open connections of agents.")
        handshakes = registry.counter(
            "sordino_handshakes_total", help: "TLS handshakes by outcome.", labels: ["outcome"])
        handshakeSeconds = registry.histogram(
            "sordino_handshake_seconds", help: "Duration of TLS handshakes.", bounds: seconds)
        requests = registry.counter(
            "sordino_requests_total", help: "Answered requests.", labels: ["method", "status"])
        requestSeconds = registry.histogram(
            "sordino_request_seconds", help: "From the head of a request to its answer, long polls included.",
            bounds: seconds)
        refusals = registry.counter(
            "sordino_connections_refused_total", help: "What was turned away, by cause.", labels: ["cause"])
        agentsKnown = gauge("sordino_agents_known", help: "Agents that ever checked in.")
        agentsPresent = gauge("sordino_agents_present", help: "Agents that could serve a round.")
        stalled = gauge(
            "sordino_run_stalled", help: "1 while too many rounds in a row were abandoned, else 0.")
        openReports = gauge("sordino_open_reports", help: "Reports taken in the open round.")
        serverEpsilon = gauge(
            "sordino_epsilon_server_spent", help: "Epsilon spent against the server; +Inf where unbounded.")
        membersEpsilon = gauge(
            "sordino_epsilon_members_spent",
            help: "Epsilon spent against other members of the cohorts; +Inf where unbounded.")
        bytesIn = registry.counter("sordino_request_bytes_total", help: "Body bytes of requests.")
        keeperQueue = registry.gauge("sordino_spool_queue", help: "Reports that wait to be synced.")
        resident = registry.gauge("sordino_resident_bytes", help: "Resident memory now.")
        memory = registry.gauge("sordino_resident_peak_bytes", help: "Peak resident memory.")
        queue = registry.gauge("sordino_owner_queue", help: "Mail that waits for the round's owner.")
        expirySeconds = registry.gauge(
            "sordino_expiry_seconds",
            help:
                "Seconds until certificates, revocation lists and admin tokens cease to count; negative after.",
            labels: ["what"])
    }

    // MARK: Runs

    /// A gauge that each run of the server has.
    struct RunGauge: Sendable {
        fileprivate let gauge: Metrics.Gauge
        fileprivate var labels: [String] = []

        /// Sets the run's series.
        func set(_ value: Double) { gauge.set(value, labels: labels) }
    }

    private static var runGauges: [WritableKeyPath<ServerMetrics, RunGauge>] {
        [
            \.heldCheckIns,
            \.epsilon,
            \.accuracy,
            \.loss,
            \.currentRound,
            \.agentsKnown,
            \.agentsPresent,
            \.openReports,
            \.stalled,
            \.serverEpsilon,
            \.membersEpsilon,
        ]
    }

    /// The same as one run of several has them.
    func of(run: String) -> ServerMetrics {
        var own = self
        for gauge in Self.runGauges { own[keyPath: gauge].labels = [run] }
        return own
    }

    /// A run of several has ended: what it alone had is told no more.
    func forget(run: String) {
        for path in Self.runGauges { self[keyPath: path].gauge.remove(labels: [run]) }
    }

    // MARK: Rounds

    /// A round was published.
    func published(_ file: RoundFile) {
        rounds.increment(labels: ["published"])
        roundSeconds.observe(file.seconds)
        show(file)
    }

    /// Takes the gauges up from the last published round, also of an earlier process.
    func show(_ file: RoundFile) {
        currentRound.set(Double(file.round))
        if let value = file.epsilon { epsilon.set(value) }
        serverEpsilon.set(file.epsilonServer ?? .infinity)
        membersEpsilon.set(file.epsilonMembers ?? .infinity)
        evaluated(file)
    }

    /// A published model was evaluated.
    func evaluated(_ file: RoundFile) {
        if let value = file.accuracy { accuracy.set(value) }
        if let value = file.loss { loss.set(value) }
    }

    /// The text, with what is only known when asked.
    func text(connections: Int, queue depth: Int, spool: Int, expiries: [Expiry]) -> String {
        let now = Date()
        expirySeconds.replace(expiries.map { ([$0.what], Double($0.secondsLeft(at: now))) })
        self.connections.set(Double(connections))
        queue.set(Double(depth))
        keeperQueue.set(Double(spool))
        resident.set(Double(ProcessMemory.residentBytes ?? 0))
        memory.set(Double(ProcessMemory.peakResidentBytes ?? 0))
        return registry.text()
    }

    /// Counts and logs what the transport tells. Refusals say why, without anything that was received.
    func observe(_ event: TransportEvent, _ log: Logger) {
        switch event {
        case .handshake(_, _, _, let microseconds):
            handshakes.increment(labels: ["accepted"])
            handshakeSeconds.observe(Double(microseconds) * 1e-6)
        case .handshakeFailed(let address, let reason):
            handshakes.increment(labels: ["failed"])
            log.warning("handshake refused", ["address": .text(address), "reason": .text(reason)])
        case .identityRefused(let address, let peer, let reason):
            refusals.increment(labels: ["identity"])
            log.warning(
                "certificate refused",
                ["address": .text(address), "peer": .text(peer), "reason": .text(reason)])
        case .refused(let address, let peer, let refusal):
            refusals.increment(labels: ["request"])
            log.info(
                "request refused",
                ["address": .text(address), "peer": .text(peer ?? ""), "reason": .text(refusal.reason)])
        case .turnedAway(let address, let reason):
            refusals.increment(labels: ["connection"])
            log.info("connection refused", ["address": .text(address), "reason": .text(reason)])
        case .tlsReloaded: log.info("certificates and revocation list taken up anew")
        case .tlsReloadFailed(let reason):
            log.error(
                "certificates or revocation list cannot be loaded; the former stay in use",
                ["reason": .text(reason)])
        case .overloaded: refusals.increment(labels: ["overload"])
        case .timedOut: refusals.increment(labels: ["timeout"])
        case .answered(let answer):
            requests.increment(labels: [answer.method.rawValue, String(answer.status)])
            requestSeconds.observe(Double(answer.microseconds) * 1e-6)
            bytesIn.increment(by: Double(answer.bytesIn))
            bytesDown.increment(by: Double(answer.bytesOut))
            log.debug(
                "request",
                [
                    "method": .text(answer.method.rawValue), "path": .text(answer.path),
                    "status": .integer(answer.status), "peer": .text(answer.peer ?? ""),
                    "address": .text(answer.address), "request": .text("\(answer.request)"),
                ])
        default: log.debug("transport", ["event": .text("\(event)")])
        }
    }
}
