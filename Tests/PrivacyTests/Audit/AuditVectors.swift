import Foundation
import TestSupport

/// The cases of `audit.json`.
struct AuditVectors: Decodable, Sendable {
    struct OneRun: Decodable, Sendable {
        var canaries: Int
        var guesses: Int
        var correct: Int
        var delta: Double
        var significance: Double
        var epsilonLowerBound: Double
        var pValueAtEpsilon1: Double?
    }

    struct ExactBinomial: Decodable, Sendable {
        var successes: Int
        var trials: Int
        var significance: Double
        var lower: Double
        var upper: Double
    }

    struct Shift: Decodable, Sendable {
        var inside: Int
        var outside: Int
        var estimate: Double
        var significance: Double
        var lowerBound: Double
    }

    struct Pair: Decodable, Sendable {
        var distance: Double
        var inside: Double
        var outside: Double
        var delta: Double
        var epsilon: Double
    }

    var oneRun: [OneRun]
    var oneRunGaussian: [OneRun]
    var clopperPearson: [ExactBinomial]
    var normalShift: [Shift]
    var gaussianPair: [Pair]

    static func load() throws -> AuditVectors {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(AuditVectors.self, from: Vectors.data("audit.json"))
    }
}
