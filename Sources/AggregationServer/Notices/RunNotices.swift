internal import Federation
internal import Foundation
internal import Operations

/// What a run's desks tell the people whom the configuration names. Each does nothing where it names nobody.
extension DeskContext {
    /// The run has ended; told once, however often it is said.
    func notifyOfEnd(_ books: BookDesk) {
        guard let reason = books.run.finished else { return }
        let (run, last) = (books.run, books.lastPublished)
        var numbers = ["rounds": Double(run.round), "published": Double(run.published)]
        numbers["epsilon"] = last?.epsilon
        numbers["accuracy"] = books.lastEvaluated?.accuracy
        let text =
            run.published == 0
            ? "\(plan.configuration.name) ended without a model (\(reason)); status and log say why"
            : "\(plan.configuration.name) has finished (\(reason)): \(run.published) of \(run.round) rounds published"
        notify(run.published == 0 ? .runFailed : .runFinished, occasion: "end", text, numbers)
    }

    /// Rounds were abandoned one after the other until the run stalled, the last being number `round`.
    func notifyOfStall(round: Int, abandoned: Int) {
        notify(
            .roundsAbandoned, occasion: "round \(round)",
            "\(plan.configuration.name) is stalled: \(abandoned) rounds abandoned in a row; status and log say why",
            ["round": Double(round), "abandoned": Double(abandoned)])
    }

    /// So much of the budget against released models is spent.
    func notifyOfBudget(spent: Double?) {
        let share = setup.configuration.notices.budgetShare
        guard let spent, let budget = plan.privacy?.configuration.targetEpsilon, spent >= share * budget
        else {
            return
        }
        notify(
            .budget, occasion: "share \(share)",
            String(
                format: "%@ has spent ε %.3g of its budget of %.3g", plan.configuration.name, spent, budget),
            ["epsilon": spent, "budget": budget])
    }

    /// A write failed; at most once an hour for each `what`.
    func notifyOfStorage(_ what: String, _ error: any Error) {
        notify(.storage, occasion: "\(what) \(Int(now / 3600))", "the server cannot \(what): \(error)")
    }

    /// Agents that one notice names.
    private static var mostNamed: Int { 10 }

    /// Agents that are gone, each with when it came last.
    func notifyOfAbsence(_ gone: [(name: String, lastSeen: Double)]) {
        // A line that went down takes many with it: one notice then, that no other has to give way to.
        guard gone.count <= Self.mostNamed else {
            let names = gone.prefix(Self.mostNamed).map(\.name).joined(separator: ", ")
            notify(
                .agentGone, occasion: "\(gone.count) \(names) \(Int(now / 3600))",
                "\(gone.count) agents have not come for days, among them \(names)",
                ["agents": Double(gone.count)])
            return
        }
        for (name, lastSeen) in gone {
            let days = (now - lastSeen) / 86_400
            notify(
                .agentGone, occasion: "\(name) \(Int(lastSeen / 3600))",
                "agent \(name) has not come for \(Int(days)) days", ["days": days.rounded(.down)])
        }
    }

    private func notify(
        _ event: Notice.Event, occasion: String, _ text: String, _ numbers: [String: Double] = [:]
    ) {
        guard let notices else { return }
        let run = board.read { $0.run }
        notices.send(
            Notice(
                event, occasion: occasion, run: run.isEmpty ? nil : run, task: plan.configuration.name,
                time: now, text: text, numbers: numbers))
    }
}
