internal import Configuration
internal import Federation
internal import Operations
internal import Privacy

/// A run that goes on where another ended: from its newest model, and with what is left of its budget. It is a run of its own,
/// with its own identity, rounds and ledger; what all of them have told of anybody is composed before it is taken in.
struct RunContinuation {
    private let queue: RunQueue

    init(_ queue: RunQueue) { self.queue = queue }

    /// Longest chain of runs that is followed.
    private static let longestChain = 1000

    /// The submission that goes on with a run that is over for `rounds` more rounds. With privacy it stops where these are
    /// charged, also those that were lost. Throws a `Failure` or ``ConfigurationError``.
    func document(of record: RunRecord, rounds: Int) throws -> JSONValue {
        guard !record.isOpen else {
            throw Failure(.invalidInput, "run \(record.run) is not over; it can be extended once it is")
        }
        let request = try record.requested()
        var task = request.task
        task["rounds"] = .integer(rounds)
        if case .object(var privacy)? = task["privacy"] {
            let setup = try ServerSetup(queue.configuration.configuration(of: record.run, request))
            if let plan = setup.plan.privacy {
                privacy["calibrate"] = nil
                privacy["noise_multiplier"] = .number(plan.noiseMultiplier)
                task["privacy"] = .object(privacy)
                privacy["target_epsilon"] = .number(try plan.epsilonQuickly(rounds: rounds) * (1 + 1e-9))
            }
            task["privacy"] = .object(privacy)
        }
        var run: [String: JSONValue] = [:]
        if case .object(let root) = request.document, case .object(let members)? = root["run"] {
            run = members
        }
        run["from"] = .object(["run": .string(record.run)])
        run["continues"] = .string(record.run)
        // Another order of the data than in the rounds of the same numbers before.
        run["seed"] = .integer(request.seed == .max ? 0 : request.seed + 1)
        return .object(["task": .object(task), "run": .object(run)])
    }

    /// Throws a refusing `Failure` where a run that continues another would pass the target of the first together with all
    /// before it, or where what those spent cannot be told. Does nothing for one that continues none.
    func check(_ request: RunRequest, _ plan: TaskPlan) throws {
        guard let continued = request.continued else { return }
        guard plan.privacy != nil else { return }
        var (events, next) = (Spending(plan).plannedEvents, Optional(continued))
        var target: Double?
        for _ in 0..<Self.longestChain {
            guard let run = next else { break }
            guard let record = queue.record(run), !record.isOpen,
                let charged = RosterBudget.charged(by: run, in: queue.configuration.folder(of: run))
            else {
                throw Failure(
                    .refused,
                    "run.continues: what run \(run) has spent cannot be told: it is not over, or not here")
            }
            events += charged
            let before = try record.requested()
            next = before.continued
            target = try Self.target(before)
        }
        guard next == nil else { throw Failure(.refused, "run.continues: too many runs in a row") }
        guard let target else { return }
        let delta = plan.privacy?.configuration.targetDelta ?? 1e-5
        let epsilon = try PrivacyGuarantee.of(PrivacyEvent.composed(events), delta: delta).epsilon
        guard epsilon <= target * (1 + 1e-6) else {
            throw Failure(
                .refused,
                "the rounds before and these together may spend epsilon \(epsilon), above the target \(target) of the run that"
                    + " they continue; ask for fewer rounds")
        }
    }

    /// The target that a submission wrote down; nil: it has none.
    private static func target(_ request: RunRequest) throws -> Double? {
        guard let section = request.task["privacy"] else { return nil }
        return try PrivacyConfiguration(Section(section, path: "task.privacy")).targetEpsilon
    }
}
