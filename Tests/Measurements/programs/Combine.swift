internal import Compute
internal import Configuration
internal import Encoding
internal import Federation
internal import Foundation
internal import Operations

/// `sordino-measure combine WIDTH JOBS UPDATES OUT`: what robust rules make of updates, for comparison with other programs.
///
/// JOBS holds a line a job: the number of its updates and a `task.robust` section. UPDATES holds their coordinates as
/// little-endian 32-bit floats, WIDTH an update, job after job. OUT receives WIDTH little-endian 64-bit floats a job.
struct Combine {
    private let width: Int
    private let jobs: [(rows: Int, rule: RobustAggregation)]
    private let updates: [Float]
    private let out: String

    private final class Memory {
        let values: [Float]
        init(_ values: [Float]) { self.values = values }
    }

    init(_ arguments: [String]) throws {
        guard arguments.count == 4, let width = Int(arguments[0]), width > 0,
            let lines = FileManager.default.contents(atPath: arguments[1]),
            let data = FileManager.default.contents(atPath: arguments[2])
        else {
            throw Failure(.usage, "usage: sordino-measure combine WIDTH JOBS UPDATES OUT")
        }
        self.width = width
        jobs = try String(decoding: lines, as: UTF8.self).split(separator: "\n").map { line in
            let parts = line.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, let rows = Int(parts[0]), rows > 0 else {
                throw Failure(.usage, "a job is a number of updates and a section, not: \(line)")
            }
            let section = try Section(
                JSONValue(json5: parts[1].utf8, source: arguments[1]), path: "task.robust")
            return (rows, try RobustAggregation(section))
        }
        updates = data.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
        guard updates.count == width * jobs.reduce(0, { $0 + $1.rows }) else {
            throw Failure(.usage, "the file of updates has another length than the jobs say")
        }
        out = arguments[3]
    }

    func run() throws {
        let codec = FixedPointCodec(bits: 64, scale: 0x1p32)
        var (place, data) = (0, Data())
        for job in jobs {
            let memory = Memory(Array(updates[place..<place + job.rows * width]))
            place += job.rows * width
            let sum = memory.values.withUnsafeBytes { bytes in
                let reports = (0..<job.rows).map { row in
                    let own = bytes[4 * row * width..<4 * (row + 1) * width]
                    return IndividualReport(
                        UnsafeRawBufferPointer(rebasing: own), as: .floats, keptBy: memory)
                }
                var generator = SeededGenerator(seed: 1, purpose: .bucketing)
                return job.rule.combine(
                    reports, count: width, codec: codec, factor: Double(job.rows), threads: 1,
                    using: &generator)
            }
            for value in sum.centred() {
                withUnsafeBytes(of: Double(value) / codec.scale / Double(job.rows)) {
                    data.append(contentsOf: $0)
                }
            }
        }
        try data.write(to: URL(fileURLWithPath: out))
    }
}
