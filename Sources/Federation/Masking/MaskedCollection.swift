package import Encoding
package import SecureAggregation

/// The server's side of one masked round as bytes in and bytes out, with one deadline a step, without sockets or
/// clocks: the aggregation server and the simulator drive the same struct.
///
/// Steps `keys`, `shares` and `consistency` end when nobody is left to wait for or at their deadline, the last two also when
/// ``StepPatience`` says so; step `masked` ends with the round engine's collection, step `unmask` as soon as the sum can be opened. On a schedule the
/// deadlines of all steps follow from the opening alone. A message that is refused leaves the round as it was.
package struct MaskedCollection: Sendable {
    private var server: SecureAggregationServer
    private let binding: RoundBinding
    private let bits: Int
    private let count: Int
    private let opened: Instant
    private let collectionDeadline: Instant
    private let isScheduled: Bool
    /// Members that may still send this step's message, and those that have.
    private var awaited: Set<MemberIdentity>
    private var arrived: Set<MemberIdentity> = []
    /// Whether a share has come since opening the sum failed last.
    private var mayOpen = true
    /// When the current step would end with nobody there.
    private var limit: Instant
    private var patience: StepPatience
    /// Whether the step could be closed with those who are there.
    private var mayClose = false

    /// A round to which `invited` are invited. A quarter of the time until `collectionDeadline` is for keys, a
    /// quarter for shares and at least a half for training; afterwards a quarter each for signing and unmasking, counted
    /// from the step's beginning, or with `isScheduled` from `collectionDeadline`.
    package init(
        binding: RoundBinding, verifier: any MemberVerifier, invited: [MemberIdentity], opened: Instant,
        collectionDeadline: Instant, isScheduled: Bool = false
    ) {
        server = SecureAggregationServer(binding: binding, verifier: verifier)
        self.binding = binding
        (bits, count) = (binding.bits, binding.coordinateCount)
        self.opened = opened
        self.collectionDeadline = collectionDeadline
        self.isScheduled = isScheduled
        awaited = Set(invited)
        patience = StepPatience(dropoutRate: binding.assumptions.dropoutRate, from: opened)
        limit = opened
        limit = opened.advanced(bySeconds: quarter)
    }

    /// When the current step ends at the latest, as it stands.
    package var deadline: Instant {
        switch server.step {
        case .shares where !isScheduled && mayClose, .consistency where !isScheduled && mayClose:
            patience.end(of: memberCount, arrived: arrived.count, deadline: limit)
        default: limit
        }
    }

    /// Whether the step could be closed with those who are there, now that one more is.
    private var closes: Bool {
        switch server.step {
        case .shares: arrived.count >= binding.minimalSurvivors(of: memberCount)
        case .consistency:
            patience.bears(missing: memberCount - arrived.count, of: memberCount) && closesConsistency
        default: false
        }
    }

    private var closesConsistency: Bool {
        var trial = server
        return (try? trial.closeConsistency()) != nil
    }

    private var quarter: Double { (collectionDeadline.seconds - opened.seconds) / 4 }

    /// The step whose messages are taken now.
    package var step: ProtocolStep { server.step }
    /// Degree and threshold, once step `keys` is closed.
    package var parameters: SecureAggregationParameters? { server.parameters }
    /// Members of the roster; 0 before step `keys` is closed.
    package var memberCount: Int { server.members.count }
    /// Members whose message of the current step has come.
    package var arrivedCount: Int { arrived.count }

    /// Most bytes of a member's message of a step, in a round of at most `members`. Step `masked` has a form of
    /// its own.
    package static func byteLimit(_ step: ProtocolStep, members: Int) -> Int {
        switch step {
        case .keys:
            256 + Advertisement.maximalCredentialByteCount + Advertisement.maximalSignatureByteCount
        case .shares, .unmask: 16 + members * (8 + SealedShares.sealedByteCount)
        case .consistency: 16 + Advertisement.maximalSignatureByteCount
        case .masked, .finished: 0
        }
    }

    // MARK: Messages

    /// Takes a member's message of the current step; the report of step `masked` goes to ``receive(report:from:)``.
    package mutating func receive(
        _ step: ProtocolStep, _ bytes: [UInt8], from identity: MemberIdentity, at now: Instant
    ) throws(SecureAggregationError) {
        try requireAwaited(identity, step)
        switch step {
        case .keys: try server.receive(Advertisement(decoding: bytes), from: identity)
        case .shares: try server.receive(SealedShares(decoding: bytes), from: identity)
        case .consistency: try server.receive(Confirmation(decoding: bytes), from: identity)
        case .unmask:
            try server.receive(UnmaskShares(decoding: bytes), from: identity)
            mayOpen = true
        case .masked, .finished: throw .wrongStep(expected: server.step, actual: step)
        }
        note(identity)
        patience.note(at: now)
        mayClose = closes
    }

    /// Step `masked`: adds a report to the sum and forgets it.
    package mutating func receive(report: RingVector, from identity: MemberIdentity) throws {
        try requireAwaited(identity, .masked)
        guard report.bits == bits, report.count == count else {
            throw SecureAggregationError.wrongVector("\(report.count) coordinates of \(report.bits) bits")
        }
        var report = report
        try report.withNarrowWords {
            try server.receive(masked: UnsafeBufferPointer($0), from: identity)
        }
        note(identity)
    }

    /// Step `masked` of any scheme: adds a report to the sum and forgets it.
    package mutating func receive(_ report: HiddenReport, from identity: MemberIdentity) throws {
        switch report {
        case .masked(let report): try receive(report: report, from: identity)
        case .encrypted(let bytes):
            try requireAwaited(identity, .masked)
            try server.receive(EncryptedVector(decoding: bytes), from: identity)
            note(identity)
        }
    }

    private func requireAwaited(
        _ identity: MemberIdentity, _ step: ProtocolStep
    ) throws(SecureAggregationError) {
        guard server.step == step else { throw .wrongStep(expected: server.step, actual: step) }
        guard awaited.contains(identity) else {
            throw arrived.contains(identity) ? .repeatedMessage : .unknownMember
        }
    }

    private mutating func note(_ identity: MemberIdentity) {
        awaited.remove(identity)
        arrived.insert(identity)
    }

    /// What a member needs for a step; nil while the step has not come. Throws when the step is over, or the
    /// member is not in it.
    package func message(
        _ step: ProtocolStep, for identity: MemberIdentity
    ) throws(SecureAggregationError) -> [UInt8]? {
        guard step > .keys, step < .finished else { throw .wrongStep(expected: server.step, actual: step) }
        guard awaited.contains(identity) || arrived.contains(identity) else { throw .unknownMember }
        if step > server.step { return nil }
        switch step {
        case .shares: return try server.rosterMessage(for: identity).encoded()
        case .masked: return try server.delivery(for: identity).encoded()
        case .consistency: return try server.survivorMessage(for: identity).encoded()
        case .unmask: return try server.quorum(for: identity).encoded()
        case .keys, .finished: return nil
        }
    }

    // MARK: Time

    /// A member gave the round up: nobody waits for it any more.
    package mutating func leave(_ identity: MemberIdentity) { awaited.remove(identity) }

    /// Whether a step that ends by itself (`keys`, `shares`, `consistency`) is to be closed now.
    package func isDue(at now: Instant) -> Bool {
        switch server.step {
        case .keys, .shares, .consistency: awaited.isEmpty || now >= deadline
        case .masked, .unmask, .finished: false
        }
    }

    /// Ends step `keys`, `shares` or `consistency`. Returns the members that were waited for in vain. Throws when
    /// those left cannot protect, or cannot open, the sum; the round is lost then.
    package mutating func closeStep(at now: Instant) throws(SecureAggregationError) -> Set<MemberIdentity> {
        switch server.step {
        case .keys: try server.closeKeys()
        case .shares: try server.closeShares()
        case .consistency: try server.closeConsistency()
        case .masked, .unmask, .finished:
            throw .wrongStep(expected: server.step, actual: .consistency)
        }
        return begin(at: now)
    }

    /// Ends step `masked`: whose reports are in the sum has survived. The caller made this set durable, and never
    /// asks with another.
    package mutating func closeMasked(at now: Instant) throws(SecureAggregationError) {
        _ = try server.closeMasked()
        _ = begin(at: now)
    }

    /// Begins a step with those who sent the last one's message.
    private mutating func begin(at now: Instant) -> Set<MemberIdentity> {
        let missing = awaited
        (awaited, arrived) = (arrived, [])
        patience.begin(at: now)
        mayClose = false
        limit =
            switch server.step {
            case .shares: opened.advanced(bySeconds: 2 * quarter)
            case .masked: collectionDeadline
            case .consistency where isScheduled: collectionDeadline.advanced(bySeconds: quarter)
            case .unmask where isScheduled: collectionDeadline.advanced(bySeconds: 2 * quarter)
            case .keys, .consistency, .unmask, .finished: now.advanced(bySeconds: quarter)
            }
        return missing
    }

    // MARK: The sum

    /// Whether to try to open the sum: enough shares are there, or all that will ever come.
    package func canOpen(at now: Instant) -> Bool {
        guard server.step == .unmask else { return false }
        return (server.canUnmask && mayOpen) || isLast(at: now)
    }

    /// Whether no share can come any more.
    package func isLast(at now: Instant) -> Bool { awaited.isEmpty || now >= deadline }

    /// Removes all masks, on `threads` threads: the exact sum of the survivors' reports. Throws when the shares do
    /// not do; more may still come unless ``isLast(at:)``.
    package mutating func open(threads: Int) throws(SecureAggregationError) -> RingVector {
        mayOpen = false
        let removal = try server.closeUnmask()
        var sum = server.maskedSum
        try removal.apply(to: &sum, threads: threads)
        return RingVector(narrow: try server.opened(sum), bits: bits)
    }
}
