package import Privacy

/// What one ledger line says. Digests are lower-case hexadecimal SHA-256.
package enum LedgerEntry: Hashable, Sendable {
    /// First line of every ledger.
    case open(Opening)
    /// Before noise is drawn: the worst case that the plan allows for a round.
    case charge(round: Int, costs: RoundCosts)
    /// After the noisy sum is durable: the survivors really in it and what it therefore costs.
    case settle(round: Int, Settlement)
    /// Before a model is published; ε over the ledger so far, released models and server.
    case release(round: Int, modelDigest: String, epsilon: Double, serverEpsilon: Double)
    /// A round that will not be released. Its charge stays and its number is never used again.
    case abandon(round: Int, reason: String)
    /// Something an administrator did.
    case admin(actor: String, action: String)
    /// Nothing follows.
    case close(reason: String)

    /// What a ledger is for.
    package struct Opening: Hashable, Sendable {
        package var taskDigest: String
        package var adjacency: Adjacency
        package var delta: Double
        /// Limits, `.infinity` where there is none.
        package var epsilonLimit: Double
        package var serverEpsilonLimit: Double

        package init(
            taskDigest: String, adjacency: Adjacency, delta: Double, epsilonLimit: Double,
            serverEpsilonLimit: Double
        ) {
            self.taskDigest = taskDigest
            self.adjacency = adjacency
            self.delta = delta
            self.epsilonLimit = epsilonLimit
            self.serverEpsilonLimit = serverEpsilonLimit
        }
    }

    /// What a round costs against whoever sees the released models, and against the server.
    package struct RoundCosts: Hashable, Sendable {
        package var released: [LedgerEvent]
        package var server: [LedgerEvent]
        /// What the round costs a single record against whoever sees its client's update; the unit of these events
        /// is the record. Empty where clients train without per-example noise.
        package var example: [LedgerEvent]
        /// What the round costs against other members of its cohort. Empty where nothing is stated: in ledgers of
        /// version 0.1.0, and in the later rounds of a tree of noise, which the first has paid for.
        package var members: [LedgerEvent]

        package init(
            released: [LedgerEvent], server: [LedgerEvent], example: [LedgerEvent] = [],
            members: [LedgerEvent] = []
        ) {
            self.released = released
            self.server = server
            self.example = example
            self.members = members
        }
    }

    /// What a round became.
    package struct Settlement: Hashable, Sendable {
        /// Clients whose vectors are in the sum.
        package var survivors: Int
        package var costs: RoundCosts
        /// SHA-256 of the durable noisy sum.
        package var sumDigest: String

        package init(survivors: Int, costs: RoundCosts, sumDigest: String) {
            self.survivors = survivors
            self.costs = costs
            self.sumDigest = sumDigest
        }
    }

    /// The word in the line's `kind`.
    package var kind: String {
        switch self {
        case .open: "open"
        case .charge: "charge"
        case .settle: "settle"
        case .release: "release"
        case .abandon: "abandon"
        case .admin: "admin"
        case .close: "close"
        }
    }
}

// MARK: - Fields of a line

extension LedgerEntry: SignedEntry {
    package static var owner: String { "run" }

    package var fields: [String: LedgerValue] {
        var fields: [String: LedgerValue] = ["kind": .string(kind)]
        switch self {
        case .open(let opening):
            fields["task_sha256"] = .string(opening.taskDigest)
            fields["adjacency"] = .string(opening.adjacency.rawValue)
            fields["delta"] = .number(opening.delta)
            fields["epsilon_limit"] = .number(opening.epsilonLimit)
            fields["epsilon_server_limit"] = .number(opening.serverEpsilonLimit)
        case .charge(let round, let costs):
            fields["round"] = .number(Double(round))
            fields.merge(costs.fields) { first, _ in first }
        case .settle(let round, let settlement):
            fields["round"] = .number(Double(round))
            fields["survivors"] = .number(Double(settlement.survivors))
            fields["sum_sha256"] = .string(settlement.sumDigest)
            fields.merge(settlement.costs.fields) { first, _ in first }
        case .release(let round, let digest, let epsilon, let serverEpsilon):
            fields["round"] = .number(Double(round))
            fields["model_sha256"] = .string(digest)
            fields["epsilon"] = .number(epsilon)
            fields["epsilon_server"] = .number(serverEpsilon)
        case .abandon(let round, let reason):
            fields["round"] = .number(Double(round))
            fields["reason"] = .string(reason)
        case .admin(let actor, let action):
            fields["actor"] = .string(actor)
            fields["action"] = .string(action)
        case .close(let reason):
            fields["reason"] = .string(reason)
        }
        return fields
    }

    package init?(fields: [String: LedgerValue]) {
        let round = fields["round"]?.integer
        switch fields["kind"]?.string {
        case "open":
            guard let digest = fields["task_sha256"]?.string,
                let adjacency = fields["adjacency"]?.string.flatMap(Adjacency.init(rawValue:)),
                let delta = fields["delta"]?.number, let limit = fields["epsilon_limit"]?.number,
                let serverLimit = fields["epsilon_server_limit"]?.number
            else { return nil }
            self = .open(
                Opening(
                    taskDigest: digest, adjacency: adjacency, delta: delta, epsilonLimit: limit,
                    serverEpsilonLimit: serverLimit))
        case "charge":
            guard let round, let costs = RoundCosts(fields: fields) else { return nil }
            self = .charge(round: round, costs: costs)
        case "settle":
            guard let round, let costs = RoundCosts(fields: fields),
                let digest = fields["sum_sha256"]?.string,
                let survivors = fields["survivors"]?.integer
            else { return nil }
            self = .settle(round: round, Settlement(survivors: survivors, costs: costs, sumDigest: digest))
        case "release":
            guard let round, let digest = fields["model_sha256"]?.string,
                let epsilon = fields["epsilon"]?.number,
                let serverEpsilon = fields["epsilon_server"]?.number
            else { return nil }
            self = .release(round: round, modelDigest: digest, epsilon: epsilon, serverEpsilon: serverEpsilon)
        case "abandon":
            guard let round, let reason = fields["reason"]?.string else { return nil }
            self = .abandon(round: round, reason: reason)
        case "admin":
            guard let actor = fields["actor"]?.string, let action = fields["action"]?.string else {
                return nil
            }
            self = .admin(actor: actor, action: action)
        case "close":
            guard let reason = fields["reason"]?.string else { return nil }
            self = .close(reason: reason)
        default:
            return nil
        }
    }
}

extension LedgerEntry.RoundCosts {
    fileprivate var fields: [String: LedgerValue] {
        var fields: [String: LedgerValue] = [
            "events": .array(released.map { .object($0.fields) }),
            "events_server": .array(server.map { .object($0.fields) }),
        ]
        if !example.isEmpty { fields["events_example"] = .array(example.map { .object($0.fields) }) }
        if !members.isEmpty { fields["events_members"] = .array(members.map { .object($0.fields) }) }
        return fields
    }

    fileprivate init?(fields: [String: LedgerValue]) {
        func events(_ name: String) -> [LedgerEvent]? {
            guard let values = fields[name]?.array else { return nil }
            let events = values.compactMap { $0.object.map(LedgerEvent.init(fields:)) }
            return events.count == values.count ? events : nil
        }
        guard let released = events("events"), let server = events("events_server") else { return nil }
        // A line that has the field has events in it: there is one way to write a round.
        func stated(_ name: String) -> [LedgerEvent]? {
            guard fields[name] != nil else { return [] }
            return events(name).flatMap { $0.isEmpty ? nil : $0 }
        }
        guard let example = stated("events_example"), let members = stated("events_members") else {
            return nil
        }
        self.init(released: released, server: server, example: example, members: members)
    }
}
