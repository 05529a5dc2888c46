import Testing

@testable import Simulation

@Suite("How the clients' data lie")
struct ClientDistributionTests {
    @Test("Even samples keep the ends and never repeat", arguments: [0, 1, 59, 60, 61, 1000, 100_000])
    func evenSample(count: Int) {
        let sample = ClientDistribution.evenSample(of: count)
        #expect(sample.count == min(count, ClientDistribution.shownClients))
        #expect(zip(sample, sample.dropFirst()).allSatisfy(<))
        #expect(count == 0 || (sample.first == 0 && sample.last == count - 1))
    }
}
