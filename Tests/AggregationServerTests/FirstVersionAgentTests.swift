import Federation
import Foundation
import Messages
import Testing
import Transport

@testable import AggregationServer

/// Agents of version 0.1.0, which refuse keys that they do not know and mask in another way.
@Suite struct FirstVersionAgentTests {
    private static let software = "sordino-agent 0.1.0"

    /// What an offer may have for such an agent.
    private static let keys: Set = [
        "protocol", "run", "round", "client", "seed", "population", "task", "task_sha256", "model", "report",
        "deadline_seconds",
    ]

    /// Over the wire: two agents of one round are each offered it in their own words, and both reports count.
    @Test func eachIsOfferedTheRoundInItsOwnWords() throws {
        let fixture = try ServerFixture(["task.cohort_size=2", "task.rounds=1"])
        let agents = try (0..<2).map { try TestAgent($0, fixture) }
        let requests = [Self.software, "sordino-agent 0.2.0"].map {
            CheckInRequest(software: $0, waitSeconds: 1)
        }
        var offers: [[UInt8]?] = [nil, nil]
        #expect(
            try fixture.eventually {
                for index in 0..<2 where offers[index] == nil {
                    let answer = try agents[index].checkIn(requests[index])
                    if answer.status == 200 { offers[index] = answer.body }
                }
                return offers.allSatisfy { $0 != nil }
            })
        let members = try offers.map { body in
            try #require(try JSONSerialization.jsonObject(with: Data(body ?? [])) as? [String: Any])
        }
        #expect(Set(members[0].keys) == Self.keys)
        #expect(Set(members[1].keys).isStrictSuperset(of: Self.keys), "and a later agent is told more")
        for (agent, body) in zip(agents, offers) {
            let offer = try RoundOffer(decoding: body ?? [])
            #expect(try agent.send(agent.body(offer), round: 1).status == 202)
        }
        #expect(try fixture.eventually { try fixture.state.run()?.published == 1 })
    }

    /// A masked task turns it away in words before it has a place, and takes a later one.
    @Test func masksAreRefusedInWords() throws {
        let run = try DeskRun(
            ["task.privacy={mode:'distributed',clipping_norm:1,noise_multiplier:1}", "task.min_reports=3"],
            agents: 0)
        #expect(run.context.plan.masksReports)
        let desk = try PresenceDesk(
            run.context, rounds: run.rounds, books: run.books, roster: run.roster,
            start: { .init(bytes: 1, clippingNorm: 1) }, keep: { _ in }, admits: { true }, gone: { _ in })
        func admit(_ software: String) throws -> (client: Int?, request: OpenRequest) {
            let open = try OpenRequest()
            let request = CheckInRequest(software: software, waitSeconds: 0)
            return (desk.admit(DeskRun.agent(1), request, CheckInTicket(open.responder)), open)
        }
        let old = try admit(Self.software)
        #expect(old.client == nil && old.request.status == 409 && old.request.word == "agent_too_old")
        #expect(try ErrorAnswer(decoding: old.request.body).detail.contains("later sordino-agent"))
        #expect(run.roster.count == 0)
        #expect(try admit("sordino-agent 0.2.0").client == 0)
    }

    @Test(arguments: [
        (software, true), ("sordino-agent 0.1.7", true), ("sordino-agent 0.2.0", false), ("0.1.0", false),
        ("sordino-agent 0.10.0", false), ("", false),
    ])
    func programs(software: String, isOfFirstVersion: Bool) {
        #expect(AgentSoftware(software).isOfFirstVersion == isOfFirstVersion)
    }
}
