import HTTPWire
import Messages
import Testing
import Transport

@testable import AggregationServer

/// One check-in in the hands of several runs: one answer, whatever the order in which they speak.
@Suite struct CheckInTicketTests {
    private static func later(_ seconds: Int, _ word: String = "active") -> HTTPResponse {
        HTTPResponse(
            204, headers: ["Retry-After": String(seconds), AgentProtocol.runStateHeader: word])
    }

    @Test func theFirstWithWorkAnswersAndNobodyElse() throws {
        let open = try OpenRequest()
        let shares = CheckInTicket.shares(of: open.responder, count: 3)
        #expect(!shares[0].respond(Self.later(5)) || open.status == nil)
        #expect(shares[1].reserve())
        #expect(!shares[2].reserve())
        #expect(!shares[2].isOpen)
        #expect(shares[1].respond(.json(200, Array("{}".utf8))))
        #expect(open.status == 200)
        #expect(!shares[2].respond(Self.later(1)))
        #expect(open.status == 200)
    }

    @Test func rightsThatAreGivenBackAreAnothers() throws {
        let open = try OpenRequest()
        let shares = CheckInTicket.shares(of: open.responder, count: 2)
        #expect(shares[0].reserve())
        shares[0].release()
        #expect(shares[1].reserve())
        #expect(shares[1].respond(.json(200, [])))
        #expect(open.status == 200)
    }

    @Test(arguments: [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
    func withoutWorkTheBestOfAllIsSaidOnceAllHaveSpoken(order: [Int]) throws {
        let open = try OpenRequest()
        let shares = CheckInTicket.shares(of: open.responder, count: 3)
        let answers = [
            Self.later(300, "finished"), Self.later(7), .refusal(403, "population_full", "no more"),
        ]
        for place in order {
            #expect(open.status == nil)
            _ = shares[place].respond(answers[place])
        }
        #expect(open.status == 204)
        #expect(open.answer?.headers["retry-after"] == "7")
    }

    @Test func aShareThatIsDroppedHasSpoken() throws {
        let open = try OpenRequest()
        var shares = CheckInTicket.shares(of: open.responder, count: 2)
        _ = shares[0].respond(Self.later(9))
        #expect(open.status == nil)
        shares.removeAll()
        #expect(open.status == 204)
    }

    @Test func aShareSpeaksOnce() throws {
        let open = try OpenRequest()
        let shares = CheckInTicket.shares(of: open.responder, count: 2)
        for _ in 0..<3 { _ = shares[0].respond(Self.later(9)) }
        #expect(open.status == nil)
    }
}
