import Foundation
import TestSupport

/// The cases of `matrix_mechanisms.json`.
struct MatrixVectors: Decodable {
    struct Case: Decodable, Sendable {
        var n: Int?
        var bands: Int?
        var minSep: Int?
        var maxParticipations: Int?
        var coefs: Coefficients?
        var strategyCoefsHead: [Double]?
        var sum: Double?
        var noisingHead: [Double]?
        var bufDecay: [Double]?
        var outputScale: [Double]?
        var sensitivitySquared: Double?
        var perQueryErrorMean: Double?
        var perQueryErrorMax: Double?
        var meanSquaredErrorTimesSensitivitySquared: Double?
        var maxLoss: Double?
        var rmseLoss: Double?
        var errorMax: Double?
        var errorMean: Double?
        var rounds: Int?
        var multiplier: Double?
        var squaredColumnNorm: Double?
        var rho: Double?
        var epsilon: Double?
        var delta: Double?
    }

    /// Numbers, or words that say which.
    enum Coefficients: Decodable, Sendable {
        case numbers([Double])
        case words(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let numbers = try? container.decode([Double].self) {
                self = .numbers(numbers)
            } else {
                self = .words(try container.decode(String.self))
            }
        }
    }

    let toeplitzSqrt: [Case]
    let toeplitzMinsep: [Case]
    let bandedOptimal: [Case]
    let blt: [Case]
    let bltPublished: [Case]
    let deployed: [Case]

    static func read() throws -> MatrixVectors {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(MatrixVectors.self, from: Vectors.data("matrix_mechanisms.json"))
    }
}
