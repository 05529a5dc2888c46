import Encoding
import Foundation
import Operations
import Testing

@testable import AggregationServer

/// The round's file behind its noisy sum is read back as what anybody may have written.
@Suite struct ClosedRoundTests {
    private let folder = NSTemporaryDirectory() + "closed-\(UUID().uuidString)"
    private let count = 3
    private let bits = 32

    private func file(_ change: (inout RoundFile) -> Void = { _ in }) -> RoundFile {
        var file = RoundFile(
            run: String(repeating: "ab", count: 16), round: 1, state: .closed, opened: 1000, deadline: 2000,
            invited: [4, 0, 2])
        file.survivors = [0, 4]
        file.reports = ["0": "aa", "4": "bb"]
        change(&file)
        return file
    }

    private func write(_ file: RoundFile?) throws -> StateDirectory {
        let state = try StateDirectory(folder)
        try state.writeNoisySum(1, RingVector(zeros: count, bits: bits), weight: 2, closing: file)
        return state
    }

    @Test func itIsReadBackBesideTheSum() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let state = try write(file())
        #expect(try state.closedRound(1, count: count, bits: bits) == file())
        #expect(try state.noisySum(1, count: count, bits: bits)?.weight == 2)
        // Files of 0.1.0 do not say.
        #expect(try write(nil).closedRound(1, count: count, bits: bits) == nil)
        #expect(try state.closedRound(2, count: count, bits: bits) == nil)
    }

    @Test func cutAnywhereItIsRefused() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let state = try write(file())
        let url = URL(fileURLWithPath: state.noisySumPath(1))
        let (whole, sum) = (try Data(contentsOf: url), 8 + 4 * count)
        for length in 0..<whole.count where length != sum {
            try whole.prefix(length).write(to: url)
            let failure = #expect(throws: Failure.self, "\(length) bytes") {
                try state.closedRound(1, count: count, bits: bits)
            }
            #expect(failure?.exitCode == .storage && failure?.message.contains(url.path) == true)
        }
    }

    static let lies: [@Sendable (inout RoundFile) -> Void] = [
        { $0.round = 2 }, { $0.state = .open }, { $0.state = .published }, { $0.survivors = [0, 1] },
        { $0.survivors = [0, 0] }, { $0.invited = [0, 0, 4] }, { $0.reports["7"] = "cc" },
        { $0.deadline = 1e300 },
    ]

    @Test(arguments: lies.indices) func aRoundThatCannotBeIsRefused(_ lie: Int) throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let state = try write(file(Self.lies[lie]))
        #expect(throws: Failure.self) { try state.closedRound(1, count: count, bits: bits) }
    }
}
