internal import Encoding
internal import Federation
internal import Foundation
internal import Messages
internal import Operations
internal import SecureAggregation
internal import Transport

/// After a restart: the open round goes on where it stood, with the cohort that was drawn, the reports that were
/// accepted, and the noise that was drawn.
extension RoundOwner {
    /// Rounds that are read back for the dashboard.
    private static let remembered = 500

    /// Takes up what the state directory holds. Called once, before any mail.
    func recover() throws {
        for number in try state.roundNumbers().filter({ $0 <= run.round }).suffix(Self.remembered) {
            if let file = try state.round(number) { history.append(file) }
        }
        engine = RoundEngine(
            rules: plan.rules, round: run.round, published: run.published, charged: run.charged,
            participants: try participants())
        offer(model)
        let number = run.round + 1
        guard run.finished == nil, let file = try state.round(number), file.run == run.run else {
            try spool.keepOnly(round: nil)
            if let finished = run.finished.flatMap(FinishReason.init(rawValue:)) {
                _ = engine.handle(.stop(finished), at: instant, using: &cohortGenerator)
            }
            return
        }
        log.info(
            "round taken up again", ["round": .integer(number), "state": .text(file.state.rawValue)])
        if file.state == .abandoned {
            let isCharged = ledger.isCharged(number)
            engine = RoundEngine(
                rules: plan.rules, round: number, published: run.published,
                charged: run.charged + (isCharged ? 1 : 0),
                participants: try participants().union(isCharged ? file.survivors : []))
            try spool.keepOnly(round: nil)
            round = file
            concludeAgain(file)
            return
        }
        try spool.keepOnly(round: number)
        try resume(file)
    }

    /// Who is in the sums of the charged rounds of the present participation window, from their files.
    private func participants() throws -> Set<Int> {
        guard let window = plan.rules.participationWindow else { return [] }
        var missing = run.charged % window
        var participants: Set<Int> = []
        for number in try state.roundNumbers().filter({ $0 <= run.round }).sorted(by: >) {
            guard missing > 0 else { break }
            guard ledger.isCharged(number) else { continue }
            guard let file = try state.round(number) else { break }
            participants.formUnion(file.survivors)
            missing -= 1
        }
        guard missing == 0 else {
            throw Failure(
                .storage,
                "\(state.path)/rounds: files of charged rounds are missing, without which nobody knows who took "
                    + "part in this tree of noise; restore them from a backup")
        }
        return participants
    }

    /// A round that was open, closed or even published, but is not in the books: replayed to the same end. Where
    /// its noisy sum exists nothing else is needed; else the kept reports give the same sum again.
    private func resume(_ file: RoundFile) throws {
        var file = file
        let isNoisy = try state.hasNoisySum(
            file.round, count: plan.reportDimension, bits: plan.codec.bits)
        if plan.masksReports, !isNoisy, file.state != .published {
            try abandonMasked(file)
            return
        }
        let isOpen = file.state == .open
        let clients = isOpen ? try spool.clients(round: file.round) : file.survivors
        var actions = engine.handle(
            .resume(clients: file.invited, deadline: Instant(seconds: file.deadline)), at: instant,
            using: &cohortGenerator)
        begin(file)
        for client in clients {
            if !isNoisy { try add(client, round: file.round) }
            if isOpen { try note(client, in: &file) }
            actions += engine.handle(
                .reportOffered(client: client, round: file.round), at: instant, using: &cohortGenerator)
        }
        round = file
        if !isOpen, engine.phase == .collecting {
            let late = Instant(seconds: max(now, file.deadline) + 1)
            actions += engine.handle(.tick, at: late, using: &cohortGenerator)
        }
        dispatch(actions)
    }

    /// Reads the digest of a kept report back.
    private func note(_ client: Int, in file: inout RoundFile) throws {
        let path = spool.reportPath(round: file.round, client: client)
        guard let report = try state.map(path) else { throw Failure(.storage, "\(path): missing") }
        file.reports[String(client)] = try Hash.text(of: report)
        file.bytesUp += report.count
    }
}
