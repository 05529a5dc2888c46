import Configuration
import HTTPWire
import TestSupport
import Testing
import Transport

@testable import AggregationServer

/// What commands print of the admin API's answers.
@Suite struct AdminTextTests {
    private let now = 1_795_770_903.0

    private func text(_ question: String, _ answer: String) throws -> String {
        AdminText.text(of: question, try JSONValue(json5: answer.utf8, source: "test"), now: now)
    }

    @Test func aRunThatGoesOn() throws {
        let answer = """
            { task: "digits", run: "0123abcd", state: "active", stopping: false, rounds_published: 11, rounds_planned: 100,
              last_round: 12, cohort_size: 10, minimum_reports: 8, accuracy: 0.91234, loss: 0.34126, model_sha256: "9f3a",
              open: { round: 13, stage: "collecting", invited: 13, reported: 7, gave_up: 1, deadline: \(now + 250) },
              privacy_mode: "central", epsilon: 1.23456, epsilon_server: 3.5, target_epsilon: 8, delta: 1e-5,
              adjacency: "add-or-remove-one", agents_known: 12, agents_present: 10, check_ins_held: 3,
              healthy: true, version: "0.9.0", expiries: [
                { name: "server certificate", subject: "CN=server", not_after: \(now + 11.5 * 86_400), level: "warning" },
                { name: "revocation list", subject: "of CN=test", not_after: \(now + 60 * 86_400), level: "ok" } ] }
            """
        #expect(
            try text("status", answer) == """
                task            digits
                run             0123abcd
                state           active
                round           13 is open (collecting), 7 of 13 invited have reported, 1 gave up, closes in 4 minutes (2026-11-27 09:19 UTC) at the latest
                rounds          11 of 100 published, the last is round 12; 10 reports a round, 8 at least
                model           accuracy 91.23 %, loss 0.3413, SHA-256 9f3a
                privacy         central, epsilon 1.235 of 8 at delta 1e-05, add-or-remove-one
                against server  epsilon 3.500
                agents          12 known, 10 seen of late, 3 waiting for work
                server          well, version 0.9.0

                expires             when                               whose       state
                server certificate  in 11 days (2026-12-08 21:15 UTC)  CN=server   warning
                revocation list     in 60 days (2027-01-26 09:15 UTC)  of CN=test  -

                """)
    }

    @Test(arguments: [
        (
            "state: 'finished', finished: 'all rounds are published', privacy_mode: 'none'",
            "state    finished: all rounds are published\nprivacy  none: mode \"none\" was asked for\n"
        ),
        (
            "state: 'paused', stopping: true",
            "state  paused; no further round is opened until it is resumed; ends after the open round\nround  none is open\n"
        ),
        (
            "state: 'stalled', stalled_since: 1795770783, next_attempt: 1795770963, trouble: '2 rounds were abandoned'",
            "state    stalled for 2 minutes (since 2026-11-27 09:13 UTC), tries again in 1 minute\nround    none is open\n"
                + "trouble  2 rounds were abandoned\n"
        ),
        (
            "state: 'active', privacy_mode: 'local', rounds_published: 0, target_epsilon: 2.5",
            "state    active\nround    none is open\nrounds   0 published\nprivacy  local, epsilon 0 of 2.5\n"
        ),
        (
            "state: 'active', open: {round: 2, deadline: 1795770900}, privacy_mode: 'local', rounds_published: 1",
            "state    active\nround    2 is open, is being closed\nrounds   1 published\nprivacy  local, epsilon unbounded\n"
        ),
    ]) func runsInOtherStates(members: String, expected: String) throws {
        #expect(try text("status", "{\(members)}") == expected)
    }

    @Test func rounds() throws {
        let answer = """
            [ { round: 9, state: "abandoned", opened: \(now - 90_000), seconds: 600, clients_reported: 1, clients_selected: 3,
                failures: { training: 2 }, abandoned: "too few reports", bytes_up: 2048, bytes_down: 900 },
              { round: 10, state: "published", opened: \(now - 200), seconds: 2.44, clients_reported: 3, clients_selected: 3,
                accuracy: 0.5, loss: 12.25, epsilon: 0.75, failures: {}, bytes_up: 1048576, bytes_down: 0 },
              { round: 11, state: "open", opened: \(now - 3), seconds: 0, clients_reported: 0, clients_selected: 3 } ]
            """
        #expect(
            try text("rounds", answer) == """
                round  state      opened           took  reports  accuracy     loss  epsilon  received   sent  note
                    9  abandoned  1 day ago      10m00s   1 of 3         -        -        -   2.0 KiB  900 B  too few reports; 2 gave up: training
                   10  published  3 minutes ago    2.4s   3 of 3   50.00 %  12.2500    0.750   1.0 MiB    0 B  -
                   11  open       3 seconds ago       -   0 of 3         -        -        -         -      -  -

                """)
        #expect(try text("rounds", "[]") == "No round has been opened yet.\n")
    }

    @Test func agents() throws {
        let answer = """
            [ { id: 0, name: "hospital-1", last_seen: \(now - 12), reports: 7, failures: 0, last_outcome: "reported",
                certificate_expires: \(Int(now) + 29 * 86_400), software: "sordino/0.9.0", revoked: false },
              { id: 1, name: "b", reports: 0, failures: 1, last_outcome: "training: \\u001b[1m", revoked: true } ]
            """
        #expect(
            try text("agents", answer) == """
                id  name        last seen            reports  failures  last outcome    certificate ends                   software       note
                 0  hospital-1  12 seconds ago             7         0  reported        in 29 days (2026-12-26 09:15 UTC)  sordino/0.9.0  -
                 1  b           not since the start        0         1  training: ?[1m  -                                  -              revoked

                """)
        #expect(try text("agents", "[]") == "No agent is known yet.\n")
    }

    /// Whatever a server answers is printed without a trap.
    @Test(arguments: [
        "null", "1", "'x'", "[1, null, {}]", "{state: 3, open: [], expiries: {}, failures: 1}", "{}",
    ])
    func answersOfAnotherKind(answer: String) throws {
        for question in ["status", "rounds", "agents", "pause"] { _ = try text(question, answer) }
        #expect(
            try text("status", "{delta: 1e300, stalled_since: -1e300, state: 'stalled', agents_known: -1}")
                .isEmpty == false)
    }

    /// What a server of this version answers has a place in the text.
    @Test func aServersOwnAnswers() throws {
        let fixture = try ServerFixture()
        func answer(_ word: String) throws -> String {
            let response = try fixture.admin(.get, "/api/\(word)", token: ServerFixture.viewerToken)
            let value = try JSONValue(json5: response.body, source: "server")
            return AdminText.text(of: word, value, now: now)
        }
        let status = try answer("status")
        for part in ["test", "active", "0 of 2 published", "0 known", "well, version", "server certificate"] {
            #expect(status.contains(part), "\(status)")
        }
        #expect(try answer("rounds") == "No round has been opened yet.\n")
        #expect(try answer("agents") == "No agent is known yet.\n")
    }
}
