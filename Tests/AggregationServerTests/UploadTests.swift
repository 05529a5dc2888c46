import Encoding
import Federation
import Foundation
import Learning
import Messages
import Testing
import Transport

@testable import AggregationServer

@Suite struct UploadTests {
    /// Bytes of memory for updates: none or too little, so that files take them; for pieces; plenty.
    static let memories = [0, 6000, 1 << 20]

    private func appended(_ bytes: [UInt8], to buffer: UpdateBuffer, by step: Int) -> Bool {
        stride(from: 0, to: bytes.count, by: step).allSatisfy { start in
            bytes[start..<min(start + step, bytes.count)].withUnsafeBytes { buffer.append($0) }
        }
    }

    /// A report in floating-point numbers counts as the integers that they are rounded to, in memory and by a file.
    @Test(arguments: memories) func floatsCountAsTheIntegersThatTheyBecome(memory: Int) throws {
        let fixture = try ServerFixture(["task.rounds=1", "server.limits.upload_memory=\(memory)"])
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { #expect(try agent.checkIn().status == 204) }
        let plans = try agents.map { try $0.plan() }
        let task = try fixture.setup.plan
        func values(_ client: Int) -> [Float] {
            (0..<task.report.count).map { Float($0 - 3) * 0.37 + Float(client) * 1e-3 }
        }
        func body(_ values: [Float], _ plan: RoundOffer, weight: Int) throws -> [UInt8] {
            let header = try #require(
                UpdateHeader(
                    run: plan.run, round: plan.round, weight: weight, count: plan.report.count,
                    bits: plan.report.bits, values: .floats))
            return header.encoded() + values.withUnsafeBytes { Array($0) }
        }
        for bad in [Float.nan, .infinity, -.infinity, 1e30] {
            var hostile = values(0)
            hostile[1] = bad
            let answer = try agents[0].send(body(hostile, plans[0], weight: 5), round: 1)
            #expect(answer.status == 422)
            #expect(try ErrorAnswer(decoding: answer.body).error == "not_finite")
            let long = try agents[0].send(body(hostile + [1], plans[0], weight: 5), round: 1)
            #expect(long.status == 422)
            agents[0].client.disconnect()
        }
        var model = try GlobalModel(parameters: task.model.initialParameters(seed: 7), plan: task)
        var sum = Aggregation(count: task.report.count, bits: task.codec.bits)
        for (agent, plan) in zip(agents, plans) {
            let (values, weight) = (values(plan.client), 3 + plan.client)
            #expect(try agent.send(body(values, plan, weight: weight), round: 1).status == 202)
            values.withUnsafeBufferPointer {
                sum.add(rounding: $0, factor: task.codec.scale * Double(weight), weight: weight)
            }
        }
        #expect(try fixture.eventually { try fixture.state.run()?.finished != nil })
        model.apply(noisySum: sum.sum, weight: sum.weight)
        #expect(try fixture.state.readModel(1) == fixture.setup.modelFile(model.parameters, round: 1))
    }

    @Test func floatsAreNotTakenWhereUpdatesAreClipped() throws {
        let fixture = try ServerFixture([
            "task.rounds=1", "task.privacy={mode: 'central', noise_multiplier: 1, clipping_norm: 1}",
        ])
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { #expect(try agent.checkIn().status == 204) }
        let plan = try agents[0].plan()
        let header = try #require(
            UpdateHeader(
                run: plan.run, round: 1, weight: 1, count: plan.report.count, bits: plan.report.bits,
                values: .floats))
        let body = header.encoded() + [UInt8](repeating: 0, count: 4 * plan.report.count)
        let answer = try agents[0].send(body, round: 1)
        #expect([413, 422].contains(answer.status))
    }

    @Test func memoryIsBoundedAndUsedAgain() throws {
        let memory = UpdateMemory(limit: 3 * 4096)
        var first = memory.take(5000)
        #expect(memory.allocated == 8192)
        #expect(memory.take(4097) == nil)
        let small = try #require(memory.take(1))
        #expect(memory.take(1) == nil)
        #expect(memory.allocated == 3 * 4096)
        let address = first?.padded().baseAddress
        first = nil
        #expect(memory.allocated == 3 * 4096)
        first = memory.take(4097)
        #expect(first?.padded().baseAddress == address)
        // Another size takes the place of what is free, never of what is in use.
        first = nil
        #expect(memory.take(3 * 4096) == nil)
        var another = memory.take(4096)
        #expect(another != nil && memory.allocated == 8192)
        another = nil
        withExtendedLifetime(small) { memory.trim() }
        #expect(memory.allocated == 4096)
    }

    @Test func aShareOfTheMemoryIsLeftToOthers() throws {
        let memory = UpdateMemory(limit: 4 * 4096)
        let half = try #require(memory.take(8192, within: 0.5))
        #expect(memory.take(1, within: 0.5) == nil)
        let third = memory.take(1, within: 0.75)
        #expect(third != nil && memory.take(1, within: 0.75) == nil && memory.take(1) != nil)
        withExtendedLifetime(half) {}
    }

    @Test(arguments: [1, 4096, 4097, 8192, 50_000], [true, false]) func piecesMakeTheFile(
        count: Int, isDirect: Bool
    ) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { unlink(path) }
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ 5) }
        let memory = UpdateMemory(limit: 1 << 20)
        let piece = try #require(memory.take(8192))
        let file = try #require(SpoolFile(creating: path, isDirect: isDirect))
        for start in stride(from: 0, to: count, by: 8192) {
            piece.clear()
            #expect(appended(Array(bytes[start..<min(start + 8192, count)]), to: piece, by: 3000))
            #expect(file.appendPages(piece))
        }
        #expect(file.end(at: count) && file.synchronise())
        #expect(FileManager.default.contents(atPath: path) == Data(bytes))
        let whole = try #require(memory.take(count))
        #expect(file.read(into: whole) && whole.bytes.elementsEqual(bytes))
        let longer = try #require(memory.take(count + 1))
        #expect(!file.read(into: longer), "the file is shorter")
    }

    @Test func sizesBeyondReasonGetNoMemory() {
        let memory = UpdateMemory(limit: .max)
        #expect(memory.take(0) == nil)
        #expect(memory.take(.max) == nil)
        #expect(memory.take(.max - 4096) == nil)
        #expect(memory.allocated == 0)
    }

    @Test(arguments: [1, 4095, 4096, 4097, 12_288, 20_001]) func aFileHoldsWhatTheMemoryHeld(count: Int)
        throws
    {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
        let memory = UpdateMemory(limit: 1 << 20)
        // Memory that was used before holds other bytes behind the end.
        for _ in 0..<2 {
            let buffer = try #require(memory.take(count))
            #expect(appended([UInt8](repeating: 255, count: count), to: buffer, by: 4000))
        }
        for isDirect in [true, false] {
            let buffer = try #require(memory.take(count))
            #expect(appended(bytes, to: buffer, by: 1000))
            #expect([0].withUnsafeBytes { !buffer.append($0) }, "longer than was said")
            #expect(buffer.bytes.elementsEqual(bytes))
            let path = "\(folder)/\(isDirect)"
            let file = try #require(SpoolFile(creating: path, isDirect: isDirect))
            #expect(SpoolFile(creating: path, isDirect: isDirect) == nil, "the file is there already")
            #expect(file.keep(buffer))
            #expect(FileManager.default.contents(atPath: path) == Data(bytes))
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            file.discard()
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }
}
