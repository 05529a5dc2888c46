import Foundation
import HTTPWire
import Operations
import Synchronization
import TestSupport
import Testing

@testable import Transport

@Suite(.timeLimit(.minutes(10))) struct ServerTests {
    @Test func servesManyRequestsOnOneConnection() throws {
        let server = try TestServer()
        let client = try server.client()
        for index in 0..<20 {
            let body = Array("body \(index)".utf8)
            let response = try client.exchange(ClientRequest(.post, "/echo", body: .bytes(body)))
            #expect(response.status == 200 && response.body == body)
        }
        #expect(try client.exchange(ClientRequest(.get, "/nothing")).status == 404)
        #expect(client.connectionsMade.all == 1)
        #expect(
            server.log.waits { if case .answered(let answer) = $0 { answer.status == 404 } else { false } })
    }

    @Test func largeBodiesTravelBothWays() throws {
        let server = try TestServer()
        let client = try server.client()
        let body = SharedBuffer([UInt8](repeating: 3, count: 8 << 20))
        let answer = try client.exchange(ClientRequest(.put, "/sink", body: .shared(body)))
        #expect(answer.text == "\(8 << 20) \(3 * 8 << 20)")
        let model = try client.exchange(ClientRequest(.get, "/model"))
        #expect(model.body.elementsEqual(TestHandler.model.bytes))
        #expect(try client.exchange(ClientRequest(.head, "/model")).body.isEmpty)
        #expect(client.connectionsMade.all == 1 && server.server.bodyBytesInFlight == 0)
    }

    @Test func chunkedBodiesAreRead() throws {
        let server = try TestServer()
        let text = try server.raw(
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                + "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n", ["-ign_eof"])
        #expect(text.contains("HTTP/1.1 200 OK") && text.hasSuffix("abcdefg"))
    }

    @Test(arguments: [
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413),
        ("PUT /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", 413),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", 413),
        ("GET /hello HTTP/1.0\r\nHost: a\r\n\r\n", 505), ("GET /../x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /injection HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 500),
        ("GET /forgotten HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 500),
    ])
    func refusesWithTheRightStatus(_ request: String, _ status: Int) throws {
        let server = try TestServer()
        let text = try server.raw(request, ["-ign_eof"])
        #expect(text.contains("HTTP/1.1 \(status) "))
        #expect(!text.contains("HTTP/1.1 200") && !text.contains("Set-Cookie"))
        #expect(server.log.waits { $0 == .closed })
    }

    @Test func aSinkMayStopAnUpload() throws {
        let server = try TestServer()
        let client = try server.client()
        let body = SharedBuffer([UInt8](repeating: 1, count: 4 << 20))
        let answer = try client.exchange(ClientRequest(.put, "/stop", body: .shared(body)))
        #expect(answer.status == 422 && answer.text == "wrong shape")
        #expect(server.handler.abandonments.load(ordering: .relaxed) == 0)
    }

    @Test func tooManyBytesInFlightAreAnsweredWith503() throws {
        let server = try TestServer { $0.bodyBytesInFlight = 1 << 20 }
        let client = try server.client()
        let large = ClientRequest(
            .put, "/sink", body: .shared(SharedBuffer([UInt8](repeating: 1, count: 2 << 20))))
        let refused = try client.exchange(large)
        #expect(refused.status == 503 && refused.head.headers["retry-after"] == "5")
        let small = ClientRequest(.put, "/sink", body: .bytes([UInt8](repeating: 1, count: 1 << 20)))
        #expect(try client.exchange(small).status == 200)
        #expect(server.server.bodyBytesInFlight == 0)
        #expect(server.log.all.contains { if case .overloaded = $0 { true } else { false } })
    }

    @Test func longPollsAreAnsweredFromAnotherThread() throws {
        let server = try TestServer()
        let handler = server.handler
        let thread = try WorkerThread(name: "answers") {
            for _ in 0..<3 {
                var next: Responder?
                _ = eventually {
                    next = handler.responders.withLock { $0.popLast() }
                    return next != nil
                }
                next?.respond(.text(200, "now"))
            }
        }
        let client = try server.client()
        for _ in 0..<3 { #expect(try client.exchange(ClientRequest(.get, "/later")).text == "now") }
        thread.join()
    }

    @Test func aClientThatLeavesALongPollIsNoticed() throws {
        let server = try TestServer()
        let client = try server.client()
        var request = ClientRequest(.get, "/later")
        request.answerTimeout = 200
        #expect(throws: ClientError.timedOut("waiting for the answer")) { try client.exchange(request) }
        #expect(eventually { server.handler.disconnects.load(ordering: .relaxed) == 1 })
        let responder = server.handler.responders.withLock { $0.popLast() }
        #expect(responder?.isOpen == false)
        #expect(responder?.respond(.text(200, "too late")) == false)
        #expect(eventually { server.server.connectionCount == 0 })
    }

    @Test func aWaitingClientCanBeCancelled() throws {
        let server = try TestServer()
        let client = try server.client()
        let handler = server.handler
        let cancellation = client.cancellation
        let thread = try WorkerThread(name: "cancels") {
            _ = eventually { handler.responders.withLock { !$0.isEmpty } }
            cancellation.signal()
        }
        #expect(throws: ClientError.cancelled) { try client.perform(ClientRequest(.get, "/later")) }
        thread.join()
    }

    @Test func streamsEventsWithBackPressure() throws {
        let server = try TestServer()
        let handler = server.handler
        let thread = try WorkerThread(name: "streams") {
            var found: ResponseStream?
            _ = eventually {
                found = handler.streams.withLock { $0.popLast() }
                return found != nil
            }
            guard let found else { return }
            for index in 0..<100 {
                let event = ServerSentEvent(name: "round", data: "\(index)\nsecond line")
                _ = eventually { found.write(event.bytes) == .accepted }
            }
            found.finish()
        }
        let client = try server.client()
        let response = try client.exchange(ClientRequest(.get, "/stream"))
        thread.join()
        let events = response.text.components(separatedBy: "\n\n")
        #expect(events.count == 100)
        #expect(events.last == "event: round\ndata: 99\ndata: second line")
        #expect(try client.exchange(ClientRequest(.get, "/hello")).status == 200)
        #expect(client.connectionsMade.all == 1)
    }

    @Test func connectionLimitsHold() throws {
        let server = try TestServer { $0.maximumConnectionsPerPeer = 2 }
        let clients = try (0..<3).map { _ in try server.client() }
        for client in clients[..<2] {
            #expect(try client.exchange(ClientRequest(.get, "/hello")).status == 200)
        }
        #expect(throws: ClientError.self) { try clients[2].exchange(ClientRequest(.get, "/hello")) }
        #expect(try server.client(as: "second").exchange(ClientRequest(.get, "/hello")).status == 200)
        clients[0].disconnect()
        #expect(eventually { server.server.connectionCount == 1 })
        #expect(try clients[2].exchange(ClientRequest(.get, "/hello")).status == 200)
        let small = try TestServer { $0.maximumConnections = 1 }
        let first = try small.client()
        #expect(try first.exchange(ClientRequest(.get, "/hello")).status == 200)
        #expect(throws: ClientError.self) { try small.client().exchange(ClientRequest(.get, "/hello")) }
    }

    @Test func theSlowAreClosed() throws {
        let server = try TestServer {
            $0.timeouts.handshake = 100
            $0.timeouts.head = 100
            $0.timeouts.window = 100
            $0.timeouts.idle = 100
            $0.timeouts.answer = 100
        }
        // No handshake at all.
        let address = try Socket.resolve(
            SocketEndpoint(host: "127.0.0.1", port: server.server.port), listening: true)
        let silent = try Socket.make(family: address[0].family)
        _ = address[0].withPointer { connect(silent, $0, $1) }
        #expect(server.log.waits { $0 == .timedOut(address: "127.0.0.1", phase: "handshake") })
        Socket.close(silent)
        // Half a head, half a body, nothing after a request, an answer that never comes.
        #expect(try server.raw("GET /hello HT", ["-ign_eof"]).contains("HTTP/1.1 408"))
        let body = "PUT /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc"
        #expect(try server.raw(body, ["-ign_eof"]).contains("HTTP/1.1 408"))
        #expect(server.handler.abandonments.load(ordering: .relaxed) == 1)
        #expect(try server.raw("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", ["-ign_eof"]).contains("200 OK"))
        #expect(server.log.waits { $0 == .timedOut(address: "127.0.0.1", phase: "idle") })
        #expect(try server.raw("GET /later HTTP/1.1\r\nHost: a\r\n\r\n", ["-ign_eof"]).contains("504"))
    }

    @Test func drainingLetsRequestsEnd() throws {
        let server = try TestServer { $0.loops = 1 }
        let waiting = try server.client()
        let idle = try server.client()
        #expect(try idle.exchange(ClientRequest(.get, "/hello")).status == 200)
        let handler = server.handler
        let listener = server.server
        let thread = try WorkerThread(name: "drains") {
            _ = eventually { handler.responders.withLock { !$0.isEmpty } }
            let answerer = try? WorkerThread(name: "answers") {
                _ = eventually { listener.connectionCount == 1 }
                for responder in handler.responders.withLock({ $0 }) { responder.respond(.text(200, "last")) }
            }
            listener.shutdown(withinMilliseconds: 10_000)
            answerer?.join()
        }
        let last = try waiting.exchange(ClientRequest(.get, "/later"))
        thread.join()
        #expect(last.text == "last" && last.head.keepsAlive == false)
        #expect(listener.connectionCount == 0)
        #expect(throws: ClientError.self) { try idle.exchange(ClientRequest(.get, "/hello")) }
    }
}
