import Compute
import Configuration
import Federation
import Foundation
import Messages
@testable import Simulation
import Testing

/// What a checkpoint keeps of a server rule.
@Suite struct CheckpointTests {
    private let layout = ParameterLayout([("0.weight", [2, 2]), ("0.bias", [1])])
    private var parameters: ParameterVector { ParameterVector(layout: layout, values: [1, 2, 3, 4, 5]) }

    /// The file of a checkpoint after so many published models, with these tensors behind the model's.
    private func file(
        published: Int, _ tensors: [SafeTensors.Tensor], metadata: [String: String] = [:]
    ) -> [UInt8] {
        let all = [
            "scenario": "digest", "round": "7", "published": String(published), "charged": "0",
            "virtual_nanoseconds": "0", "clients_trained": "0", "examples_trained": "0", "records": "0",
            "clipping_norm": "", "finished": "", "participants": "",
        ].merging(metadata) { $1 }
        return SafeTensors(tensors: ModelFile.tensors(parameters) + tensors, metadata: all).encoded()
    }

    private func state(_ shape: [Int], _ values: [Float]) -> SafeTensors.Tensor {
        SafeTensors.Tensor(name: "strategy.state", shape: shape, values: values)
    }

    private func read(_ bytes: [UInt8], _ names: [String]) throws -> Simulator.Progress {
        try Checkpoint.decode(
            Data(bytes), layout: layout, stateNames: names, scenarioDigest: "digest", records: [],
            path: "file")
    }

    /// No value and one value a parameter have the form that they had in earlier versions.
    @Test func statesComeBackAndAreWrittenAsTheyWere() throws {
        let several = ["strategy.state": "first,second"]
        for (bytes, names, values) in [
            (file(published: 0, []), [], []),
            (file(published: 2, []), [], []),
            (file(published: 0, []), ["velocity"], []),
            (file(published: 2, [state([5], [6, 7, 8, 9, 10])]), ["velocity"], [6, 7, 8, 9, 10]),
            (
                file(
                    published: 2, [state([5, 2], [1, 10, 2, 20, 3, 30, 4, 40, 5, 50])], metadata: several),
                ["first", "second"], [1, 2, 3, 4, 5, 10, 20, 30, 40, 50]
            ),
        ] as [([UInt8], [String], [Float])] {
            let progress = try read(bytes, names)
            #expect(progress.parameters == parameters && progress.optimizerState.values == values)
            var written: [UInt8] = []
            Checkpoint.file(progress, scenarioDigest: "digest").forEachPiece { written += $0 }
            #expect(written == bytes)
        }
    }

    @Test func attendanceComesBackAndNothingThatCannotBe() throws {
        func read(_ text: String) throws -> Attendance {
            try self.read(file(published: 0, [], metadata: ["attendance": text, "charged": "5"]), [])
                .attendance
        }
        let records = [3: Attendance.Record(last: 5, count: 2), 0: .init(last: 1, count: 1)]
        #expect(try read("0:1:1 3:5:2").records == records)
        #expect(AttendanceText.metadata(Attendance(records)) == ["attendance": "0:1:1 3:5:2"])
        #expect(AttendanceText.metadata(Attendance()).isEmpty)
        #expect(try read("").records.isEmpty)
        for text in [
            "0:6:1", "0:1:2", "0:0:0", "-1:1:1", "0:1", "0:1:1:1", "0:1:1 0:2:1", "x:1:1", ":", "0 1 1",
        ] {
            #expect(throws: ConfigurationError.self, "\(text)") { try read(text) }
        }
    }

    @Test func otherStatesAreRefusedInOneLine() {
        for (bytes, names) in [
            (file(published: 2, []), ["velocity"]),
            (file(published: 2, [state([0], [])]), ["velocity"]),
            (file(published: 2, [state([4], [6, 7, 8, 9])]), ["velocity"]),
            (file(published: 2, [state([5, 1], [6, 7, 8, 9, 10])]), ["velocity"]),
            (file(published: 2, [state([5], [6, 7, 8, 9, 10])]), []),
            (file(published: 2, [state([5], [6, 7, 8, 9, 10])]), ["first", "second"]),
            (
                file(published: 2, [state([5, 2], [1, 10, 2, 20, 3, 30, 4, 40, 5, 50])]),
                ["first", "second"]
            ),
            (file(published: 0, [state([5], [6, 7, 8, 9, 10])]), ["velocity"]),
        ] as [([UInt8], [String])] {
            let error = #expect(throws: ConfigurationError.self) { try read(bytes, names) }
            #expect(error?.problem == "damaged checkpoint (optimiser state); run without --resume")
        }
    }
}
