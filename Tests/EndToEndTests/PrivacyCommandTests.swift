import Foundation
import TestSupport
import Testing

/// `sordino privacy`: the accountant, calibration and samples from the command line.
@Suite(.tags(.endToEnd)) struct PrivacyCommandTests {
    /// A reference case as a command line, with the value it must reach and may not fall below.
    struct Case: CustomTestStringConvertible {
        let id: String
        let arguments: [String]
        /// An exact or tight value that a sound accountant does not undercut.
        let exact: Double
        /// How far above it may answer.
        let tolerance: Double

        var testDescription: String { id }
    }

    static let cases: [Case] = {
        guard let data = try? Vectors.data("privacy_accounting.json"),
            let document = try? JSON(text: String(decoding: data, as: UTF8.self))
        else { return [] }
        return (document["cases"]?.items ?? []).compactMap(Self.read)
    }()

    private static func read(_ entry: JSON) -> Case? {
        guard let id = entry["id"]?.string, let parameters = entry["params"],
            let delta = entry["delta"]?.number
        else { return nil }
        func value(_ name: String) -> String { parameters[name]?.number.map { "\($0)" } ?? "" }
        func expected(_ name: String) -> Double? { entry["expected"]?[name]?["value"]?.number }
        var arguments = ["--delta", "\(delta)"]
        var found: (value: Double?, tolerance: Double)
        switch entry["family"]?.string {
        case "gaussian":
            arguments += ["--mechanism", "gaussian", "--noise-multiplier", value("noise_multiplier")]
            arguments += ["--steps", value("count"), "--accountant", "pld"]
            found = (expected("epsilon_exact"), 1e-3)
        case "laplace":
            arguments += ["--mechanism", "laplace", "--steps", value("count")]
            arguments += [
                "--scale-over-sensitivity", value("scale_over_l1_sensitivity"), "--accountant", "rdp",
            ]
            found = (expected("epsilon_rdp"), 1e-3)
        case "discrete_gaussian":
            arguments += ["--mechanism", "discrete-gaussian", "--sigma-squared", value("sigma2")]
            arguments += ["--integer-sensitivity", value("integer_sensitivity")]
            found = (expected("epsilon_exact"), 1e-3)
        case "poisson_subsampled_gaussian":
            arguments += ["--mechanism", "gaussian", "--noise-multiplier", value("noise_multiplier")]
            arguments += ["--steps", value("steps"), "--sampling", "poisson"]
            arguments += ["--sampling-probability", value("sampling_probability"), "--accountant", "rdp"]
            found = (expected("epsilon_rdp_exact"), 2e-2)
        case "fixed_size_without_replacement_gaussian":
            arguments += ["--mechanism", "gaussian", "--noise-multiplier", value("noise_multiplier")]
            arguments += ["--steps", value("steps"), "--sampling", "fixed-size", "--accountant", "rdp"]
            arguments += ["--population", value("population"), "--cohort", value("sample_size")]
            found = (expected("epsilon_rdp"), 2e-2)
        default: return nil
        }
        guard let exact = found.value, exact.isFinite, exact < 100 else { return nil }
        return Case(id: id, arguments: arguments, exact: exact, tolerance: found.tolerance)
    }

    @Test func theReferenceCasesAreThere() {
        #expect(Self.cases.count >= 30)
        #expect(Set(Self.cases.map { $0.id.prefix(7) }).count >= 5)
    }

    @Test(arguments: cases) func epsilonMeetsTheReference(_ reference: Case) throws {
        let result = try Sordino.run(["privacy", "epsilon"] + reference.arguments)
        #expect(result.status == 0, "\(result.errors)")
        let epsilon = try #require(result.json["epsilon"]?.number)
        // RDP values are optima over a set of orders: ours may be finer than the reference's, by little.
        let isOptimum = reference.arguments.contains("rdp")
        #expect(epsilon >= reference.exact * (isOptimum ? 1 - reference.tolerance : 1 - 1e-9))
        #expect(epsilon <= reference.exact * (1 + reference.tolerance) + 1e-6)
    }

    @Test func theBetterAccountantSpeaks() throws {
        let arguments = [
            "privacy", "epsilon", "--mechanism", "gaussian", "--noise-multiplier", "1.1", "--steps", "1000",
            "--sampling", "poisson", "--sampling-probability", "0.01", "--delta", "1e-5", "--accountant",
        ]
        let values = try ["rdp", "pld", "best"].map {
            try #require(try Sordino.run(arguments + [$0]).json["epsilon"]?.number)
        }
        #expect(values[2] == min(values[0], values[1]) && values[1] < values[0])
    }

    @Test func eventsComposeInOrderAndAreCheckedStrictly() throws {
        let workspace = try Workspace()
        func epsilon(_ events: String) throws -> CommandResult {
            try Sordino.run(
                "privacy", "epsilon", "--events", workspace.write("events.json", events), "--delta", "1e-5")
        }
        let one = try epsilon("[{\"mechanism\":\"gaussian\",\"noise_multiplier\":2,\"steps\":8}]")
        let two = try epsilon(
            """
            [{"mechanism":"gaussian","noise_multiplier":2,"steps":3},
             {"mechanism":"gaussian","noise_multiplier":2,"steps":5}]
            """)
        let (first, second) = (
            try #require(one.json["epsilon"]?.number), try #require(two.json["epsilon"]?.number)
        )
        #expect(abs(first - second) < 1e-3 * first)
        let mixed = try epsilon(
            """
            [{"mechanism":"gaussian","noise_multiplier":2,"steps":8},
             {"mechanism":"laplace","scale_over_sensitivity":10}]
            """)
        #expect(try mixed.json["mechanism"]?.string == "composition")
        #expect(try #require(mixed.json["epsilon"]?.number) > first)

        let refused = [
            "[{\"mechanism\":\"exponential\",\"steps\":8}]",
            "[{\"mechanism\":\"gaussian\",\"noise_multiplier\":2,\"stpes\":8}]",
            "[{\"mechanism\":\"gaussian\",\"steps\":8}]",
            "[{\"mechanism\":\"gaussian\",\"noise_multiplier\":-2}]",
            "[{\"mechanism\":\"gaussian\",\"noise_multiplier\":2,\"sampling\":\"shuffled\"}]",
            "[{\"mechanism\":\"gaussian\",\"noise_multiplier\":2,\"steps\":1.5}]",
            "[{\"noise_multiplier\":2}]", "{", "", "[1]", "null",
        ]
        for events in refused {
            let result = try epsilon(events)
            #expect(result.status == 3, "\(events): \(result.output)")
            #expect(result.output.isEmpty && result.complaints.count == 1, "\(result.errors)")
        }
    }

    @Test func whatNoAccountantCoversIsRefused() throws {
        func skellam(_ variance: String, _ sensitivity: String) -> [String] {
            [
                "privacy", "epsilon", "--mechanism", "skellam", "--variance", variance,
                "--integer-sensitivity", sensitivity, "--dimension", "100", "--steps", "10", "--delta",
                "1e-5",
            ]
        }
        let narrow = skellam("900", "10")
        let refused = try Sordino.run(narrow + ["--accountant", "pld"])
        #expect(refused.status == 3 && refused.complaints.count == 1, "\(refused.errors)")
        let best = try Sordino.run(narrow)
        #expect(try best.json["accountant"]?.string == "rdp", "\(best.errors)")
        let wide = skellam("40000000", "2000")
        for accountant in [[], ["--accountant", "pld"]] {
            let stated = try Sordino.run(wide + accountant)
            #expect(try stated.json["accountant"]?.string == "pld", "\(stated.errors)")
        }
        for bad in [
            ["--noise-multiplier", "-1"], ["--noise-multiplier", "x"],
            ["--noise-multiplier", "1", "--delta", "2"],
            ["--noise-multiplier", "1", "--sampling", "poisson"],
            ["--noise-multiplier", "1", "--sampling", "poisson", "--sampling-probability", "1.5"],
        ] {
            let delta = bad.contains("--delta") ? [] : ["--delta", "1e-5"]
            let result = try Sordino.run(["privacy", "epsilon", "--mechanism", "gaussian"] + bad + delta)
            #expect(result.status == 3 && result.complaints.count == 1, "\(bad): \(result.errors)")
        }
    }

    @Test(arguments: [
        ["--mechanism", "gaussian", "--steps", "100"],
        [
            "--mechanism", "gaussian", "--steps", "1000", "--sampling", "poisson", "--sampling-probability",
            "0.01",
        ],
        ["--mechanism", "tree", "--steps", "128", "--participations", "1"],
        [
            "--mechanism", "matrix", "--strategy", "bands", "--bands", "4", "--matrix-sensitivity", "6",
            "--rounds",
            "100", "--min-separation", "4", "--max-participations", "25", "--adjacency", "zero-out",
        ],
    ])
    func calibrationIsTheInverse(of mechanism: [String]) throws {
        let common = mechanism + ["--delta", "1e-6"]
        let calibrated = try Sordino.run(["privacy", "calibrate", "--target-epsilon", "2"] + common)
        #expect(calibrated.status == 0, "\(calibrated.errors)")
        let noise = try #require(try calibrated.json["noise_multiplier"]?.number)
        func epsilon(_ noise: Double) throws -> Double {
            try #require(
                try Sordino.run(["privacy", "epsilon", "--noise-multiplier", "\(noise)"] + common)
                    .json["epsilon"]?.number)
        }
        #expect(try epsilon(noise) <= 2 * (1 + 1e-9))
        #expect(try epsilon(noise * 0.999) > 2 * (1 - 1e-9), "less noise would do")
        #expect(try #require(calibrated.json["epsilon"]?.number) <= 2)
    }

    @Test(arguments: [
        (["discrete-gaussian", "--sigma-squared", "100"], 100.0),
        (["discrete-gaussian", "--sigma-squared", "0.5"], 0.5),
        (["skellam", "--variance", "37.5"], 37.5),
    ])
    func samplesAreIntegersOfTheRightSpread(arguments: [String], variance: Double) throws {
        let count = 40_000
        let result = try Sordino.run(["privacy", "sample", "--count", "\(count)", "--mechanism"] + arguments)
        #expect(result.status == 0 && result.errors.isEmpty)
        let values = result.output.split(separator: "\n").compactMap { Int($0) }.map(Double.init)
        #expect(values.count == count)
        // The generator is the cryptographic one. Six standard errors: a false failure in 2e-9 of the runs
        // each; the fourth moment of all three is below 5 variance^2.
        let mean = values.reduce(0, +) / Double(count)
        let spread = values.reduce(0) { $0 + $1 * $1 } / Double(count)
        #expect(abs(mean) < 6 * (variance / Double(count)).squareRoot())
        // At sigma^2 = 0.5 the discrete Gaussian's variance is below its parameter by less than 2 %.
        #expect(abs(spread / variance - 1) < 6 * (4 / Double(count)).squareRoot() + (variance < 1 ? 0.02 : 0))
    }

    @Test func samplesDiffer() throws {
        let arguments = ["privacy", "sample", "--mechanism", "skellam", "--variance", "1e6", "--count", "20"]
        #expect(try Sordino.run(arguments).output != Sordino.run(arguments).output)
        for bad in [
            ["--mechanism", "skellam", "--variance", "0"], ["--mechanism", "skellam", "--variance", "nan"],
            ["--mechanism", "uniform", "--variance", "1"],
            ["--mechanism", "discrete-gaussian", "--sigma-squared", "-1"],
        ] {
            let result = try Sordino.run(["privacy", "sample"] + bad)
            #expect(result.status == 3 && result.output.isEmpty && result.complaints.count == 1, "\(bad)")
        }
    }
}
