internal import Messages

/// Who the agents are: their places in the roster, durably, and what is known of each since the process started.
final class RosterDesk {
    /// What became of an agent that came.
    enum Admission: Equatable {
        /// It has this place.
        case admitted(Int)
        /// An operator has shut it out.
        case revoked
    }

    private var registry: AgentRegistry

    /// Takes the registry over.
    init(_ registry: AgentRegistry) { self.registry = registry }

    // MARK: Who is known

    /// Agents that ever came; their places are those below.
    var count: Int { registry.records.count }

    /// What ties all names to their places, hexadecimal.
    var digest: String { registry.digest(of: count) }

    /// Whether a place has an agent. Under a roster or after damage a round may name one that has none.
    func isKnown(_ client: Int) -> Bool { registry.records.indices.contains(client) }

    /// Name of the agent at a place; nil where there is none.
    func name(of client: Int) -> String? { isKnown(client) ? registry.records[client].name : nil }

    /// Place of a name; nil where it has none.
    func client(named name: String) -> Int? { registry.client(named: name) }

    /// Whether an agent of this name ever came.
    func hasCome(_ name: String) -> Bool {
        client(named: name).map { registry.records[$0].fingerprint != nil } ?? false
    }

    /// Whether the place has an agent that was shut out.
    func isRevoked(_ client: Int) -> Bool { isKnown(client) && registry.records[client].isRevoked }

    /// Whether the agent at a place said, when it came last, that its program is of version 0.1.
    func isOfFirstVersion(_ client: Int) -> Bool {
        isKnown(client) && AgentSoftware(registry.records[client].software ?? "").isOfFirstVersion
    }

    /// Names of those that were shut out.
    var revokedNames: Set<String> { Set(registry.records.filter(\.isRevoked).map(\.name)) }

    /// Whether `isTrue` holds for every agent that was not shut out.
    func allActive(_ isTrue: (Int) -> Bool) -> Bool {
        registry.records.allSatisfy { $0.isRevoked || isTrue($0.client) }
    }

    /// Values by the names of their places; without those whose names are not known.
    func named<Value>(_ clients: [(Int, Value)]) -> [String: Value] {
        let known = clients.compactMap { client, value in name(of: client).map { ($0, value) } }
        return Dictionary(known, uniquingKeysWith: { first, _ in first })
    }

    // MARK: Changes that last

    /// Gives an agent its place, or finds it, and takes down what its certificate and check-in say. Throws
    /// ``AgentRegistry/Refusal`` where it gets none, or a storage `Failure`.
    func admit(_ agent: AgentIdentity, software: String?, at now: Double) throws -> Admission {
        let client = try registry.enroll(agent.name, now: now)
        guard !registry.records[client].isRevoked else { return .revoked }
        try registry.update(client) { record in
            record.fingerprint = agent.fingerprint
            record.software = software
            record.certificateExpires = agent.certificateExpires
        }
        registry.activity[client].lastSeen = now
        return .admitted(client)
    }

    /// Shuts an agent out, durably. Does nothing for a place without one. Throws a storage `Failure`.
    func revoke(_ client: Int) throws { try registry.update(client) { $0.isRevoked = true } }

    // MARK: What agents do

    /// A report of the agent was taken.
    func noteReport(of client: Int, at now: Double) {
        registry.activity[client].reports += 1
        registry.activity[client].lastSeen = now
        registry.activity[client].lastOutcome = "reported"
    }

    /// The agent gave a round up, or dropped out of it.
    func noteFailure(of client: Int, outcome: String) {
        registry.activity[client].failures += 1
        registry.activity[client].lastOutcome = outcome
    }

    /// Places of those seen at `since`, seconds since 1970, or later.
    func seen(since: Double) -> Set<Int> {
        var seen: Set<Int> = []
        for (client, activity) in registry.activity.enumerated() {
            if let last = activity.lastSeen, last >= since { seen.insert(client) }
        }
        return seen
    }

    /// When each agent that was not shut out came first, and last in this process.
    var sightings: [AbsenceWatch.Sighting] {
        zip(registry.records, registry.activity).filter { !$0.0.isRevoked && $0.0.fingerprint != nil }.map {
            .init(name: $0.name, registered: $0.registered, lastSeen: $1.lastSeen)
        }
    }

    // MARK: For administrators

    /// All agents, in the order of their places.
    var views: [AgentView] { zip(registry.records, registry.activity).map { AgentView($0, $1) } }

    /// The agent at a place; nil where there is none.
    func view(of client: Int) -> AgentView? {
        isKnown(client) ? AgentView(registry.records[client], registry.activity[client]) : nil
    }
}
