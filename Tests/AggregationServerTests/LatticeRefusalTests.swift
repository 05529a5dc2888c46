import Configuration
import Operations
import TestSupport
import Testing

@testable import AggregationServer

/// A server does not start a task whose reports it could not take.
@Suite struct LatticeRefusalTests {
    private let folder: String

    init() throws { folder = try TemporaryFolders.make("lattice") }

    private func configuration(scheme: String) throws -> ServerConfiguration {
        let path = "\(folder)/server.json5"
        try AtomicFile.write(
            """
            { task: { name: "t", model: { preset: "logistic", classes: 3 }, training: { learning_rate: 0.1 },
                      rounds: 2, cohort_size: 20, evaluation: { holdout: "none" },
                      privacy: { mode: "distributed", clipping_norm: 1, noise_multiplier: 1 },
                      secure_aggregation: { scheme: "\(scheme)" } },
              server: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", population: 40, input_shape: [4],
                        tls: { certificate: "server.crt", key: "server.key", ca: "ca.crt" } } }
            """, to: path)
        return try ServerConfiguration(ConfigurationDocument(contentsOf: path))
    }

    @Test func onlyMasksAreServed() throws {
        _ = try configuration(scheme: "masks")
        do {
            _ = try configuration(scheme: "lattice")
            Issue.record("it is not refused")
        } catch let error as ConfigurationError {
            #expect(error.path == "task.secure_aggregation.scheme")
        }
    }
}
