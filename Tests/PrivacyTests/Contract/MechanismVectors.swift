import Foundation
import TestSupport

/// The cases of `privacy_mechanisms.json`.
enum MechanismVectors {
    /// Parameters and expected values of every case of a family.
    static func cases(_ family: String) throws -> [(parameters: [String: Any], expected: [String: Any])] {
        let cases = try document()["cases"] as? [[String: Any]] ?? []
        let chosen = cases.filter { $0["family"] as? String == family }
        guard !chosen.isEmpty else { throw CocoaError(.fileReadCorruptFile) }
        return chosen.map { ($0["params"] as? [String: Any] ?? [:], $0["expected"] as? [String: Any] ?? [:]) }
    }

    /// Critical values at a false-alarm rate of 1e-6 by degrees of freedom, as published with the vectors.
    static func chiSquareCriticalValues() throws -> [Int: Double] {
        let statistics = try document()["statistics"] as? [String: Any] ?? [:]
        let table = statistics["chi2_critical_1e-6"] as? [String: Double] ?? [:]
        return Dictionary(
            uniqueKeysWithValues: table.compactMap { key, value in Int(key).map { ($0, value) } })
    }

    private static func document() throws -> [String: Any] {
        let data = try Vectors.data("privacy_mechanisms.json")
        return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }
}
