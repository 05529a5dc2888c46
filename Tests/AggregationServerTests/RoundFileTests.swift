import Testing

@testable import AggregationServer

/// A round's file is hostile input: figures that would overflow what is added to them are no round's.
@Suite struct RoundFileTests {
    private var file: RoundFile {
        RoundFile(run: "r", round: 3, state: .open, opened: 1.7e9, deadline: 1.7e9 + 60, invited: [0, 1])
    }

    @Test func whatTheProgramWritesIsPlausible() { #expect(file.isPlausible) }

    @Test(arguments: [Int.max, -1, 1 << 61]) func sizesThatOverflowAreNot(bytes: Int) {
        var (up, down) = (file, file)
        up.bytesUp = bytes
        down.bytesDown = bytes
        #expect(!up.isPlausible && !down.isPlausible)
    }
}
