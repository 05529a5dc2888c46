package import Configuration
internal import Federation
internal import Learning
internal import Operations

/// An asked task as its readers see it.
extension AskedTask {
    /// Everything as JSON; what is unbounded is `"inf"`.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "server": .string(server), "run": .string(run), "name": .string(name),
            "task_sha256": .string(digest), "spoken_digest": .string(spokenDigest),
            "approval": .string(standing.rawValue), "obstacles": .array(obstacles.map { .string($0) }),
            "problem": problem.map { .string($0) } ?? .null, "population": .integer(population),
            "rounds_left": .integer(rounds), "spent": AgentStatus.json(spent),
            "after_one_round": afterRound.map(AgentStatus.json) ?? .null,
            "after_all_rounds": afterAll.map(AgentStatus.json) ?? .null,
        ]
        if let origin {
            members["state"] = .string(origin.state)
            members["submitted_by"] = origin.submittedBy.map { .string($0) } ?? .null
            members["submitted"] = .number(origin.submitted)
            members["signed"] = .bool(origin.isSigned)
            members["key_sha256"] = .string(origin.keyFingerprint)
        }
        if let task {
            members["model"] = task.configuration.model.json
            members["parameters"] = .integer(task.plan.dimension)
            members["rounds"] = .integer(task.configuration.rounds)
            members["cohort_size"] = .integer(task.configuration.cohortSize)
            members["mode"] = .string(task.configuration.privacy.mode.rawValue)
        }
        return .object(members)
    }

    /// Everything in lines for a person, at `now` in seconds since 1970.
    package func lines(now: Double) -> [String] {
        var lines = [
            "\(name)  (\(standing.rawValue)\(origin.map { ", \($0.state)" } ?? ""))",
            "  digest     \(spokenDigest)",
        ]
        lines.append("  run        \(run) of \(server)")
        if let origin {
            lines.append(
                "  submitted  by \(origin.submittedBy ?? "the server's own configuration"), "
                    + SpokenTime.both(origin.submitted, now: now))
            lines.append(
                "  signature  \(origin.isSigned ? "good" : "NOT GOOD"), of key "
                    + Self.grouped(String(origin.keyFingerprint.prefix(32))))
        }
        if let problem { lines.append("  problem    \(problem)") }
        if let task { lines += plan(task) }
        lines.append("  spent      \(AgentStatus.text(spent))")
        if let afterRound { lines.append("  one round  \(AgentStatus.text(afterRound))") }
        if let afterAll {
            lines.append(
                "  all rounds \(AgentStatus.text(afterAll)); this task has \(rounds) left for this site")
        }
        lines +=
            obstacles.isEmpty
            ? ["  served     yes, as this site's policy stands"] : obstacles.map { "  not served \($0)" }
        return lines.map(PlainLine.of)
    }

    private func plan(_ task: OfferedTask) -> [String] {
        let configuration = task.configuration
        let kind: String
        if case .object(let members) = configuration.model.json, case .string(let preset)? = members["preset"]
        {
            kind = preset
        } else {
            kind = "layers"
        }
        return [
            "  asks       \(configuration.statistics != nil ? "statistics of the table" : "model \(kind), \(task.plan.dimension) parameters trained"), \(configuration.rounds) rounds",
            "  among      cohorts of \(configuration.cohortSize) out of \(population) sites, sums of at least \(task.plan.rules.minimumReports); mode \(configuration.privacy.mode.rawValue)",
        ]
    }
}
