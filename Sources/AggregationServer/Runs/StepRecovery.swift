internal import Encoding
internal import Federation
internal import Glibc
internal import Operations

/// After a restart of an asynchronous run: who trains is in the open step's file, whose updates came is in the spool, and how
/// often each took part in the files of charged steps.
struct StepRecovery {
    private let desks: RunDesks
    private var books: BookDesk { desks.books }
    private var state: StateDirectory { desks.state }

    init(_ desks: RunDesks) { self.desks = desks }

    /// Takes up what the state directory holds. Returns a step that is abandoned and not in the books, which the caller
    /// concludes. Throws a `Failure` where files are missing or damaged.
    func recover() throws -> RoundFile? {
        let (run, context) = (books.run, desks.context)
        desks.release.offerModel()
        try state.removeNoisySums(upTo: run.round)
        let number = run.round + 1
        var file = books.isFinished ? nil : try state.round(number)
        if file?.state == .open,
            let closed = try state.closedRound(
                number, count: context.plan.report.count, bits: context.plan.codec.bits)
        {
            file = closed
        }
        try restart(file)
        guard let file else {
            try desks.reports.keepOnly(round: nil)
            return nil
        }
        context.log.info(
            "step taken up again", ["round": .integer(number), "state": .text(file.state.rawValue)])
        guard file.state != .abandoned else {
            try desks.reports.keepOnly(round: nil)
            return file
        }
        try resume(file)
        return nil
    }

    /// The engine as it was between the last step and this one.
    private func restart(_ open: RoundFile?) throws {
        let (run, deadline) = (books.run, desks.context.plan.rules.deadlineSeconds)
        let isAbandoned = open?.state == .abandoned
        let isCharged = isAbandoned && desks.ledger.isCharged(run.round + 1)
        var (participations, unknown) = try participations()
        if isCharged, let open {
            for client in open.survivors { participations[client, default: 0] += 1 }
        }
        var gone = Set(isAbandoned ? open?.survivors ?? [] : [])
        var last = open
        if last == nil {
            last = books.history.last
            gone = Set((last?.reports.keys).map { $0.compactMap { Int($0) } } ?? [])
        }
        let inFlight = (last?.beginnings ?? [:]).compactMap { place, began in
            Int(place).flatMap { client in
                gone.contains(client) || began.version > run.published
                    ? nil
                    : BufferedEngine.Assignment(
                        client: client, round: began.round, version: began.version, wave: 0,
                        at: Instant(seconds: began.at), deadlineSeconds: deadline)
            }
        }
        desks.rounds.restart(
            BufferedEngine.Memory(
                round: run.round + (isAbandoned ? 2 : 1), published: run.published,
                charged: run.charged + (isCharged ? 1 : 0),
                abandonedInARow: books.abandonedInARow + (isAbandoned ? 1 : 0), wave: 0,
                inFlight: inFlight, participations: participations,
                served: Set(inFlight.filter { $0.version == run.published }.map(\.client))),
            unknown: unknown, isFinished: books.isFinished)
    }

    /// How often each client was in a charged step, from their files, and the charged steps that have none, in which anybody
    /// may have been. None where there is no bound.
    private func participations() throws -> (known: [Int: Int], unknown: Int) {
        let rules = BufferedEngine.Rules(desks.context.plan)
        guard rules?.maximalParticipations != nil else { return ([:], 0) }
        var (known, found): ([Int: Int], Int) = ([:], 0)
        try state.archive.eachRound(through: books.run.round) { file in
            guard file.state == .published || file.isCharged == true else { return true }
            found += 1
            for client in file.survivors { known[client, default: 0] += 1 }
            return true
        }
        return (known, max(0, books.run.charged - found))
    }

    /// An open step, or one that was closed or even published but is not in the books: replayed to the same end.
    private func resume(_ file: RoundFile) throws {
        let plan = desks.context.plan
        let isNoisy = try state.hasNoisySum(file.round, count: plan.report.count, bits: plan.codec.bits)
        guard isNoisy || file.state == .open else {
            throw Failure(
                .storage,
                "\(state.noisySumPath(file.round)): missing, though round \(file.round) was closed: run.json is the "
                    + "older; \(ServerLedger.wayOn(state.ledger))")
        }
        var file = file
        desks.begin(file)
        let kept = try keptReports(of: file)
        guard !isNoisy else {
            desks.rounds.keep(file)
            desks.rounds.resumeStep(closedWith: file.survivors)
            desks.context.boardChanged()
            return
        }
        for client in kept {
            let origin = file.origin(of: client)
            // The last of them closes the buffer: what comes after it was never accepted.
            if desks.rounds.offer(client, round: origin, at: desks.context.instant) == nil {
                try desks.reports.note(client, in: &file)
            } else {
                unlink(Spool(state).reportPath(round: origin, client: client))
            }
        }
        desks.rounds.keep(file)
        desks.context.boardChanged()
    }

    /// The kept reports that the step's file knows of, by client; others are left over from steps before, and removed.
    private func keptReports(of file: RoundFile) throws -> [Int] {
        let spool = Spool(state)
        return try spool.all().compactMap { round, client in
            if file.beginnings?[String(client)]?.round == round { return client }
            unlink(spool.reportPath(round: round, client: client))
            return nil
        }
    }
}
