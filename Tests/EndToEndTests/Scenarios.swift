import Foundation

/// The scenarios that these tests run.
enum Scenarios {
    /// `simulations/` of the repository.
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("simulations").path
    static let quickstart = folder + "/quickstart.json5"
    static let digits = folder + "/data/digits.csv.gz"

    /// A federation on the digits with as many rounds as a test needs to be interrupted in.
    static func digits(
        rounds: Int, privacy: String = central, evaluateEvery: Int = 100, extra: String = "",
        clients: Int = 200
    ) -> String {
        """
        {
          task: {
            name: "endurance",
            model: { preset: "logistic", classes: 10 },
            training: { local_epochs: 1, batch_size: 10, optimizer: "sgd", learning_rate: 0.5 },
            rounds: \(rounds), cohort_size: 60,
            privacy: \(privacy),
            evaluation: { every: \(evaluateEvery), holdout: "server" },
          },
          simulation: {
            data: {
              format: "csv", path: "\(digits)", header: false, label: 64, normalize: { range: [0, 16] },
              split: { test: 0.2 },
            },
            clients: \(clients), baselines: [], \(extra)
          },
        }
        """
    }

    /// Noise by the server on the sum of a cohort of fixed size, no amplification claimed.
    static let central = """
        { mode: "central", clipping_norm: 1.0, noise_multiplier: 20, target_delta: 1e-5,
          adjacency: "add-or-remove-one", sampling: "none" }
        """
    /// The same on a secret Poisson cohort.
    static let poisson = """
        { mode: "central", clipping_norm: 1.0, noise_multiplier: 5, target_delta: 1e-5,
          adjacency: "add-or-remove-one", sampling: "poisson" }
        """
    /// Noise at every step of every client's training; nothing on top.
    static let example = """
        { mode: "none", example: { clipping_norm: 1.0, noise_multiplier: 1.5 } }
        """
    /// Noise in trees over rounds, in each of which a client takes part at most once.
    static let tree = """
        { mode: "central", mechanism: "tree", clipping_norm: 1.0, noise_multiplier: 20, target_delta: 1e-5 }
        """
    /// Noise of the whole run by a matrix.
    static let matrix = """
        { mode: "central", mechanism: "matrix", clipping_norm: 1.0, noise_multiplier: 20, target_delta: 1e-5 }
        """
    /// Full noise by every client.
    static let local = """
        { mode: "local", clipping_norm: 1.0, noise_multiplier: 5, target_delta: 1e-5,
          adjacency: "add-or-remove-one", sampling: "none" }
        """
    /// A share of the noise by every client; only the sum is private.
    static let distributed = """
        { mode: "distributed", clipping_norm: 1.0, noise_multiplier: 5, target_delta: 1e-5,
          adjacency: "add-or-remove-one", sampling: "none" }
        """
}
