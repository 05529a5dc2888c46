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
        let request = try queue.request(of: record)
        var task = request.task
        task["rounds"] = .integer(rounds)
        if case .object(var privacy)? = task["privacy"] {
            let setup = try ServerSetup(queue.configuration.configuration(of: record.run, request))
            guard rounds <= queue.configuration.rules.maximumRounds else {
                throw Failure(
                    .refused, "rounds is \(rounds), more than \(queue.configuration.rules.maximumRounds)")
            }
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
    /// that go on from it, at the δ of the first; those that are not over count with all that they were planned for. Does
    /// nothing for a run that continues none, or whose first has no target.
    func check(_ request: RunRequest, _ plan: TaskPlan, of run: String) throws {
        guard let continued = request.continued else { return }
        let root = try root(of: continued)
        guard queue.record(continued)?.isOpen == false else {
            throw Failure(.refused, "run.continues: run \(continued) is not over")
        }
        let first = try privacy(of: root)
        guard first.mode != .none else { return }
        guard plan.privacy != nil else {
            throw Failure(.refused, "run.continues: a run without privacy cannot go on with a private one")
        }
        guard let target = first.targetEpsilon else { return }
        // Without one of its own a run stops at its published rounds, and rounds that were charged and lost come on top.
        guard plan.rules.affordableRounds != nil else {
            throw Failure(
                .refused,
                "run.continues: needs task.privacy.target_epsilon, at which the run stops whatever becomes of its rounds"
            )
        }
        var events = Spending(plan).plannedEvents
        for record in queue.records {
            // A chain that cannot be followed does not lead here.
            guard record.run != run, (try? self.root(of: record.run))?.run == root.run else { continue }
            events += try spent(by: record)
        }
        let epsilon = try PrivacyGuarantee.of(PrivacyEvent.composed(events), delta: first.targetDelta).epsilon
        guard epsilon <= target * (1 + 1e-6) else {
            throw Failure(
                .refused,
                "the rounds of the runs that go on from run \(root.run) and these may spend more than its target of epsilon"
                    + " \(target) together; ask for fewer rounds")
        }
    }

    /// The first run of the chain that a run goes on in. Throws where the chain does not end.
    private func root(of run: String) throws -> RunRecord {
        var next = run
        for _ in 0..<Self.longestChain {
            guard let record = queue.record(next) else {
                throw Failure(.refused, "run.continues: names no run here: \(next)")
            }
            guard let before = record.wishes.continued else { return record }
            next = before
        }
        throw Failure(.refused, "run.continues: too many runs in a row")
    }

    /// What a run has charged where it is over, else all that it may charge.
    private func spent(by record: RunRecord) throws -> [PrivacyEvent] {
        guard record.began != nil || record.isOpen else { return [] }
        if !record.isOpen,
            let charged = RosterBudget.charged(by: record.run, in: queue.configuration.folder(of: record.run))
        {
            return charged
        }
        let setup = try ServerSetup(
            queue.configuration.configuration(of: record.run, queue.request(of: record)))
        return Spending(setup.plan).plannedEvents
    }

    /// The privacy that a submission wrote down.
    private func privacy(of record: RunRecord) throws -> PrivacyConfiguration {
        let section = try queue.request(of: record).task["privacy"]
        return try PrivacyConfiguration(section.map { try Section($0, path: "task.privacy") })
    }
}
