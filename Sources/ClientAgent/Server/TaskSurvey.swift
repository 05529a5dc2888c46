internal import Cryptography
internal import Federation
internal import FoundationEssentials
internal import Glibc
internal import Learning
internal import Ledger
package import Messages
internal import Notation
internal import Operations
internal import Transport

/// What one server asks of this agent, looked at before any round of it: what the owner has not approved, what is against
/// the policy and what the data do not fit is declined, and of the first no data are touched.
final class TaskSurvey {
    /// What was found of one run.
    private struct Look {
        let digest: String
        var task: OfferedTask?
        /// Why the agent takes no part; nil: it does.
        var refusal: String?
        /// When it is looked at again, where it was declined.
        var next: ContinuousClock.Instant
    }

    private let link: ServerLink
    private let server: String
    private let gate: PolicyGate
    private let log: Logger
    private let frozenLimit: Int
    private let approvals: ApprovalBook
    private var looks: [String: Look] = [:]
    private var order: [String] = []
    private var stamp: FileStamp?
    private var nextLook = ContinuousClock.now
    /// Whether the server tells what it runs; nil: it was not asked yet.
    private(set) var isOfManyRuns: Bool?

    /// Between two looks at what a server of many runs lists.
    private static let interval = Duration.seconds(60)
    /// Between two questions to a server of one run whether it has become one of many.
    private static let oneRunInterval = Duration.seconds(3600)
    /// Until a task that did not fit is looked at again.
    private static let unsuitableInterval = Duration.seconds(600)
    /// Tasks that are fetched at one look.
    private static let tasksAtOnce = 16

    init(link: ServerLink, gate: PolicyGate, approvals: ApprovalBook, frozenLimit: Int, log: Logger) {
        self.link = link
        server = link.client.configuration.server.description
        self.gate = gate
        self.approvals = approvals
        self.frozenLimit = frozenLimit
        self.log = log
    }

    /// Whether something has changed since the last look, so that a pause should end.
    var isStale: Bool { stamp.map { $0 != approvals.stamp } ?? false }

    /// Forgets what kind of server it is: it was away, and may be another version now.
    func begin() {
        isOfManyRuns = nil
        nextLook = .now
        // What has changed is seen at the next look, which must not come in a hurry.
        if stamp != nil { stamp = approvals.stamp }
    }

    /// Runs that the agent takes no part in, the most urgent first.
    var declines: [String] { order.filter { looks[$0]?.refusal != nil } }

    /// Runs that the server lists.
    var runs: [String] { order }

    /// SHA-256 of the files of frozen parameters that the tasks served need.
    var frozenDigests: Set<String> {
        Set(
            looks.values.filter { $0.refusal == nil }.compactMap {
                $0.task?.plan.model.spec.frozenFile?.sha256
            })
    }

    /// A round of this run was refused, and further ones would be.
    func decline(_ run: String, _ why: String) {
        guard isOfManyRuns == true else { return nextLook = .now }
        if !order.contains(run) { order.append(run) }
        looks[run] = Look(
            digest: looks[run]?.digest ?? "", task: nil, refusal: why,
            next: .now + Self.interval)
    }

    /// Looks at what the server asks, where the last look is old. Returns whether to ask it for rounds. Throws
    /// ``ClientError`` or a storage ``Failure``.
    func look(_ runner: RoundRunner) throws -> Bool {
        let isNew = stamp != approvals.stamp
        guard isNew || ContinuousClock.now >= nextLook else { return isWilling }
        stamp = approvals.stamp
        if isOfManyRuns != false || ContinuousClock.now >= nextLook, let list = try list() {
            isOfManyRuns = true
            nextLook = .now + Self.interval
            try take(list, runner)
        } else {
            let isFirst = isOfManyRuns == nil
            isOfManyRuns = false
            nextLook = .now + Self.oneRunInterval
            try lookAtOnlyTask(runner, isFirst: isFirst || isNew)
        }
        runner.keepFrozen(frozenDigests, of: server)
        return isWilling
    }

    /// A server of many runs is told what is declined, and may have others; one that runs a single task that is declined
    /// is not asked.
    private var isWilling: Bool {
        isOfManyRuns == true || order.allSatisfy { looks[$0]?.refusal == nil }
    }

    private func list() throws -> TaskList? {
        do {
            return try link.tasks()
        } catch let error as ClientError {
            throw error
        } catch {
            log.warning("the server's list of tasks cannot be read", ["error": .text("\(error)")])
            return nil
        }
    }

    private func take(_ list: TaskList, _ runner: RoundRunner) throws {
        let known = looks
        var fetched = 0
        (looks, order) = ([:], [])
        for entry in list.tasks where looks[entry.run] == nil {
            order.append(entry.run)
            let before = known[entry.run].flatMap { $0.digest == entry.taskSHA256 ? $0 : nil }
            var look = before ?? Look(digest: entry.taskSHA256, next: .now)
            let why: String?
            if !list.isSigned(entry) {
                why = "the server's signature of the task is not one"
            } else {
                why = try approvals.obstacle(to: entry.taskSHA256)
            }
            if let why {
                look.refusal = why
                look.next = .now
                say(look.refusal, before, entry.name)
            } else if look.task == nil || look.refusal != nil, ContinuousClock.now >= look.next {
                // What is not fetched yet is looked at next time, or with its first round.
                guard fetched < Self.tasksAtOnce else {
                    order.removeLast()
                    continue
                }
                fetched += 1
                try examine(&look, before, entry, runner)
            }
            looks[entry.run] = look
        }
    }

    private func examine(
        _ look: inout Look, _ before: Look?, _ entry: TaskList.Entry, _ runner: RoundRunner
    ) throws {
        link.paths = AgentProtocol.paths(of: entry.run)
        look.next = .now + Self.unsuitableInterval
        do {
            guard let offer = try link.offer(link.paths) else {
                look.refusal = "the server does not tell the task"
                return
            }
            guard offer.run == entry.run, offer.taskSHA256 == entry.taskSHA256 else {
                throw UnusablePlan("the server lists another task than it offers")
            }
            let task = try OfferedTask(offer, frozenLimit: frozenLimit)
            look.task = task
            let violations = gate.judge(task: task.configuration, roundsToday: 0)
            look.refusal =
                violations.isEmpty ? nil : violations.map(\.description).joined(separator: "; ")
            if violations.isEmpty { look.refusal = try unsuitable(task, runner) }
        } catch let error as ClientError {
            throw error
        } catch let failure as Failure where failure.exitCode == .storage {
            throw failure
        } catch {
            look.refusal = "the task cannot be read: \(Failure(wrapping: error).message)"
        }
        say(look.refusal, before, entry.name)
    }

    /// Why data or trainer do not fit; nil where they do. Its frozen parameters are then fetched.
    private func unsuitable(_ task: OfferedTask, _ runner: RoundRunner) throws -> String? {
        switch runner.verdict(on: task.job) {
        case .suitable:
            do {
                try runner.fetchFrozen(for: task)
            } catch let failure as TrainerFailure {
                // Each round asks again, and says so to the server.
                log.warning("the model's frozen parameters are not to be had", ["why": .text("\(failure)")])
            }
            // The first round may be hours away, and the handshake is done; the data stay for it.
            IdleMemory.giveBack()
            return nil
        case .unsuitable(let error, _):
            return "its data or its trainer do not fit: \(Failure(wrapping: error).message)"
        case .tooManyTasks: return "the server offered too many different tasks today"
        }
    }

    private func say(_ why: String?, _ before: Look?, _ name: String) {
        guard why != before?.refusal else { return }
        if let why {
            log.error("this agent takes no part in a task", ["task": .text(name), "why": .text(why)])
        } else if before != nil {
            log.info("the agent takes part in the task now", ["task": .text(name)])
        }
    }

    // MARK: A server of one run

    /// Looks at the only task of an older server. What cannot be read or is against the policy is refused round by round,
    /// and no data are looked at.
    private func lookAtOnlyTask(_ runner: RoundRunner, isFirst: Bool) throws {
        let before = order.first.flatMap { looks[$0] }
        guard isFirst || before?.refusal != nil else { return }
        (looks, order) = ([:], [])
        link.paths = AgentProtocol.paths
        guard let offer = try onlyOffer() else { return }
        var look = Look(digest: offer.taskSHA256, next: .now)
        if let why = try approvals.obstacle(to: offer.taskSHA256) {
            look.refusal = why
        } else if let task = try readable(offer),
            gate.judge(task: task.configuration, roundsToday: 0).isEmpty
        {
            look.task = task
            look.refusal = try unsuitable(task, runner)
        }
        (looks, order) = ([offer.run: look], [offer.run])
        say(
            look.refusal, before,
            (try? AssignedTask(text: offer.task, statedDigest: offer.taskSHA256))?.configuration.name ?? "?")
        // Looked at again after the pause that the agent makes now.
        if look.refusal != nil { nextLook = .now }
    }

    private func onlyOffer() throws -> TaskOffer? {
        do {
            return try link.offer()
        } catch let error as ClientError {
            throw error
        } catch {
            log.warning("the task on offer cannot be read", ["error": .text("\(error)")])
            return nil
        }
    }

    private func readable(_ offer: TaskOffer) throws -> OfferedTask? {
        do {
            return try OfferedTask(offer, frozenLimit: frozenLimit)
        } catch {
            log.warning("the task on offer cannot be read", ["error": .text("\(error)")])
            return nil
        }
    }
}

extension TaskList {
    /// Whether the list's key has signed an entry of it.
    package func isSigned(_ entry: Entry) -> Bool {
        guard let bytes = Hexadecimal.bytes(of: key), let signature = Hexadecimal.bytes(of: entry.signature),
            let key = try? Signature.PublicKey(bytes: bytes)
        else { return false }
        return key.isValid(signature, for: entry.statement)
    }
}
