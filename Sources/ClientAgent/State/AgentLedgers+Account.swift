package import Federation
internal import Glibc
package import Ledger
internal import Operations
internal import Privacy

extension AgentLedgers {
    /// What one run, or all of them, have cost this site so far.
    package struct Account: Equatable, Sendable {
        /// Rounds charged.
        package var rounds: Int
        /// ε against the server; infinite where it sees exact updates.
        package var server: Double
        /// ε against other members of the cohorts; infinite where a ledger does not say.
        package var members: Double
        /// ε of a single record; 0 where nothing protects, or needs to protect, single records.
        package var record: Double
    }

    /// The ledgers of a directory that an agent may be working on: nothing is made or written. Throws as
    /// ``init(state:makesKey:)`` does.
    package static func reading(_ folder: String) throws -> AgentLedgers {
        let state = try StateDirectory(reading: folder)
        // Between two of an agent's files one may be a step ahead of the other.
        for _ in 0..<10 {
            if let ledgers = try? AgentLedgers(state: state, makesKey: false) { return ledgers }
            guard StateDirectory.isInUse(folder) else { break }
            usleep(100_000)
        }
        return try AgentLedgers(state: state, makesKey: false)
    }

    /// Runs with a ledger, sorted.
    package var runs: [String] { bindings.keys.sorted() }

    /// What a run has cost, or all of them, at the policy's δ. Throws where no accountant knows an event.
    package func account(of run: String? = nil, under policy: AgentPolicy) throws -> Account {
        let runs = run.map { [$0] } ?? runs
        let members = runs.map { statedMembers($0) }
        return Account(
            rounds: runs.reduce(0) { $0 + (bindings[$1]?.rounds ?? 0) },
            server: try Self.epsilon(of: runs.flatMap { events[$0] ?? [] }, delta: policy.maximalDelta),
            members: members.contains { $0 == nil }
                ? .infinity
                : try Self.epsilon(of: members.flatMap { $0 ?? [] }, delta: policy.maximalDelta),
            record: try Self.epsilon(
                of: runs.flatMap { recordEvents[$0] ?? [] }, delta: policy.maximalDeltaExample))
    }

    /// What a run's rounds have cost against other members; nil where nothing bounds it: the ledger does not say, or the rounds
    /// had no noise.
    private func statedMembers(_ run: String) -> [PrivacyEvent]? {
        guard let stated = memberEvents[run] ?? nil else { return nil }
        return stated.isEmpty && bindings[run]?.rounds ?? 0 > 0 ? nil : stated
    }

    /// What all runs will have cost once `rounds` more rounds of a task are charged. Throws where no accountant knows an
    /// event.
    package func account(
        after rounds: Int, of task: TaskPlan, under policy: AgentPolicy
    ) throws -> Account {
        guard rounds > 0 else { return try account(under: policy) }
        let privacy = task.privacy
        let server = privacy?.serverEvent.map { $0.repeated(rounds) }
        // One charge stands for a whole tree of noise, in which this agent is once.
        let others = privacy?.membersEvents(charge: 1).map { $0.repeated(rounds) }
        let members = runs.compactMap { statedMembers($0) }
        let isStated = members.count == runs.count
        let record = task.example.map { [$0.event(rounds: rounds)] } ?? []
        return Account(
            rounds: rounds + bindings.values.reduce(0) { $0 + $1.rounds },
            server: try server.map {
                try Self.epsilon(of: events.values.joined() + [$0], delta: policy.maximalDelta)
            } ?? .infinity,
            members: try others.map {
                isStated
                    ? try Self.epsilon(of: members.joined() + $0, delta: policy.maximalDelta) : .infinity
            } ?? .infinity,
            record: try Self.epsilon(
                of: recordEvents.values.joined() + record, delta: policy.maximalDeltaExample))
    }
}
