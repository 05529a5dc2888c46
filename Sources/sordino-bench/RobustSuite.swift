import Compute
import Configuration
import Encoding
import Federation
import Foundation

/// Robust rules at 100 updates of a million coordinates, beside the sum of the same updates as plain averaging makes it.
enum RobustSuite {
    private static let clients = 100
    private static let coordinates = 1_000_000
    private static let codec = FixedPointCodec(bits: 64, scale: 0x1p32)
    /// What a rule may take of the plain sum's time.
    private static let share = 1.3

    /// Each rule with a fifth of the clients hostile; Bulyan with as many as it withstands.
    private static let sections = [
        "{rule: \"mean\"}", "{rule: \"median\"}", "{rule: \"trimmed-mean\", hostile: 20}",
        "{rule: \"krum\", hostile: 20}", "{rule: \"multi-krum\", hostile: 20}",
        "{rule: \"bulyan\", hostile: 20}", "{rule: \"geometric-median\"}",
        "{rule: \"centred-clipping\", radius: 1}", "{rule: \"norm-bound\", norm: 1}",
        "{rule: \"trimmed-mean\", hostile: 20, mixing: true}", "{rule: \"krum\", hostile: 10, bucketing: 2}",
    ]

    /// The updates of a round, allocated once.
    private final class Updates {
        let values: UnsafeMutableBufferPointer<Float>

        init() {
            values = .allocate(capacity: clients * coordinates)
            values.initialize(repeating: 0)
            var random = SeededGenerator(seed: 1, purpose: .test)
            random.fillUniform(values)
            for index in values.indices { values[index] = 0.01 * (values[index] - 0.5) }
        }

        deinit { values.deallocate() }

        func row(_ client: Int) -> UnsafeBufferPointer<Float> {
            UnsafeBufferPointer(rebasing: values[client * coordinates..<(client + 1) * coordinates])
        }
    }

    static func run(_ stopwatch: Stopwatch) throws -> [Figure] {
        let updates = Updates()
        let (plain, noise) = stopwatch.time {
            var sum = Aggregation(count: coordinates, bits: codec.bits)
            for client in 0..<clients {
                sum.add(rounding: updates.row(client), factor: codec.scale, weight: 1)
            }
        }
        let reports = (0..<clients).map {
            IndividualReport(UnsafeRawBufferPointer(updates.row($0)), as: .floats, keptBy: updates)
        }
        var figures: [Figure] = []
        for text in sections {
            let rule = try RobustAggregation(
                Section(JSONValue(json5: text.utf8, source: "bench"), path: "task.robust"))
            // The server takes all processors for a rule, and one for a sum, which it forms while reports come.
            for threads in Set([1, ProcessInfo.processInfo.activeProcessorCount]).sorted() {
                let (seconds, spread) = stopwatch.time {
                    var generator = SeededGenerator(seed: 1, purpose: .bucketing)
                    _ = rule.combine(
                        reports, count: coordinates, codec: codec, factor: Double(clients), threads: threads,
                        using: &generator)
                }
                let suffix = threads > 1 ? "-\(threads)-threads" : ""
                figures.append(
                    Figure(
                        name: "robust/\(name(rule))-\(clients)x\(coordinates)\(suffix)", seconds: seconds,
                        noise: spread, unit: "round", .reference(plain, "plain sum"), goal: share * plain))
            }
        }
        return [
            Figure(
                name: "robust/plain-sum-\(clients)x\(coordinates)", seconds: plain, noise: noise,
                unit: "round", nil)
        ] + figures
    }

    private static func name(_ rule: RobustAggregation) -> String {
        rule.name + (rule.bucketSize > 1 ? "-in-buckets" : "") + (rule.mixes ? "-after-mixing" : "")
    }
}
