import Compute
import Configuration
import Foundation

/// Figures of an earlier run, as `--save` wrote them.
struct Baseline {
    /// One figure of it.
    struct Entry {
        let amount: Double
        let measure: Measure
        /// Multiples of its floor, or of what it was held against; nil where there was nothing.
        let ratio: Double?
        let noise: Double
    }

    /// Differences that count as none, whatever the noise was.
    static let tolerance = 0.20

    /// By name.
    let entries: [String: Entry]
    /// What the run's kernels were made for.
    let level: RunLevel

    /// Reads a saved run; throws ``ConfigurationError`` or a file error.
    init(path: String) throws {
        let document = try JSONValue(json5: Data(contentsOf: URL(fileURLWithPath: path)), source: path)
        let section = try Section(document, path: "")
        guard let kernel = try section.string("openblas_kernel"),
            let processor = try section.string("processor_level")
        else {
            throw section.error("processor_level", "and openblas_kernel must be there, as --save writes them")
        }
        level = RunLevel(processor: processor, kernel: kernel)
        var entries: [String: Entry] = [:]
        for (index, item) in (try section.list("figures") ?? []).enumerated() {
            let figure = try Section(item, path: "figures[\(index)]")
            let seconds = try figure.positive("seconds")
            let ratio = try figure.positive("ratio")
            if let ratio, ratio < Figure.rounding, try figure.string("floor") != nil {
                throw figure.error("ratio", "is below 1: a figure below its floor is no baseline")
            }
            guard let name = try figure.string("name"), let amount = try seconds ?? figure.positive("bytes")
            else {
                throw figure.error("name", "and seconds or bytes must be there, as --save writes them")
            }
            entries[name] = Entry(
                amount: amount, measure: seconds == nil ? .bytes : .seconds,
                ratio: ratio, noise: try figure.nonNegative("noise") ?? 0)
        }
        self.entries = entries
    }
}

/// What decides how fast the same code runs, and what its floors are: figures of two levels say nothing of each other.
struct RunLevel: Equatable, CustomStringConvertible {
    /// The vectors that our own kernels use, the processor's or what was asked for: ``VectorLevel``'s name.
    let processor: String
    /// The vectors that OpenBLAS's kernel set was written for, which the floors of products stand on.
    let products: String

    /// A level from a processor's and the name of OpenBLAS's kernel set.
    init(processor: String, kernel: String) {
        self.processor = processor
        products = VectorLevel(openBLASKernel: kernel)?.rawValue ?? kernel
    }

    /// This run's.
    static let current = RunLevel(
        processor: VectorLevel.current.rawValue, kernel: BLAS.kernelName)

    var description: String { "\(processor) with OpenBLAS for \(products)" }
}
