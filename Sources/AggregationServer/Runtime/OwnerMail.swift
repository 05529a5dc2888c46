internal import Messages
internal import Transport

/// What event loops and other threads tell the host of a run, which owns its rounds.
enum OwnerMail: Sendable {
    /// An agent asks for work.
    case checkIn(AgentIdentity, CheckInRequest, CheckInTicket)
    /// The agent of this name is shut out, by its own wish where the actor has its name.
    case shutOut(name: String, actor: String)
    /// The client of a held check-in has gone.
    case checkInGone(UInt64)
    /// The client of a member's held question has gone.
    case questionGone(UInt64)
    /// A report is complete and synced under its temporary name, or was only hashed.
    case report(IncomingReport)
    /// A member's message of a step of secure aggregation.
    case masked(MaskedMessage)
    /// A member asks for what a step of secure aggregation needs.
    case maskedQuestion(MaskedQuestion)
    /// Masks have been removed.
    case unmasked(Unmasked)
    /// An agent gives a round up.
    case failure(AgentIdentity, RoundKey, FailureReport, Responder)
    /// A question or order of an administrator.
    case administration(AdminOrder, Responder)
    /// An order that nobody waits for.
    case order(AdminOrder)
    /// A published model has been evaluated.
    case evaluated(EvaluationResult)
    /// A report could not be written to the spool, with the system's error number.
    case storageFailed(code: Int32)
    /// Save everything and end.
    case shutDown
}

/// A round of a run: what every message about a round names, and what nothing is looked up without.
struct RoundKey: Hashable, Sendable {
    let run: String
    let round: Int
}

/// Who an agent is by its certificate.
struct AgentIdentity: Sendable {
    let name: String
    let fingerprint: String
    let certificateExpires: Int64
}

/// A report that has arrived whole.
struct IncomingReport: Sendable {
    let agent: AgentIdentity
    /// The round of its path, which its header names too.
    let key: RoundKey
    /// What the report says of itself.
    let header: UpdateHeader
    /// SHA-256 of the whole body, lower-case hexadecimal.
    let digest: String
    let bytes: Int
    /// Temporary file, synced and checked; nil where there is none.
    let path: String?
    /// The report where it is in memory, checked. With neither it can only be a repetition.
    let content: UpdateBuffer?
    let responder: Responder
}

/// What administrators ask for.
enum AdminOrder: Sendable {
    /// Everything that the dashboard shows, of one moment.
    case dashboard
    case status
    /// With rounds of long ago, from disk, where such may be meant.
    case rounds(RoundQuestion, older: [RoundFile])
    case agents
    case agent(String)
    case ledger
    case models
    case pause(actor: String)
    case resume(actor: String)
    case stop(actor: String)
    case revoke(String, actor: String)
}
