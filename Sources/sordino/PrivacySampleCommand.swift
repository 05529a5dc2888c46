internal import Custody
internal import Operations
internal import Privacy
internal import Simulation

/// `sordino privacy sample`: integers drawn by the code and the generator that agents use.
enum PrivacySampleCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino privacy sample", summary: "Draw noise, one integer a line, as agents draw it.",
        options: [
            .value("mechanism", "NAME", "discrete-gaussian or skellam."),
            .value("sigma-squared", "S", "Variance parameter (discrete-gaussian)."),
            .value("variance", "V", "Total variance (skellam)."),
            .value("count", "N", "How many (default 1)."),
        ])

    /// Draws a block; a million integers take a few of them.
    private static let blockSize = 1 << 16

    static func run(_ options: Options) throws -> ExitCode {
        let mechanism = try mechanism(options)
        let count = try options.integer("count", in: 0...1_000_000_000) ?? 1
        var source = try SecureNoise()
        var block = [Int64](repeating: 0, count: min(count, blockSize))
        var left = count
        while left > 0 {
            let size = min(left, block.count)
            try block.withUnsafeMutableBufferPointer { try mechanism.draw(into: $0, from: &source) }
            StandardOutput.write(block[..<size].map { "\($0)\n" }.joined())
            left -= size
        }
        return .done
    }

    private static func mechanism(_ options: Options) throws -> any PrivacyMechanism {
        func positive(_ name: String) throws -> Double {
            guard let value = Double(try options.required(name)), value > 0, value.isFinite else {
                throw Failure(.invalidInput, "--\(name) must be a number above 0")
            }
            return value
        }
        switch try options.required("mechanism") {
        case "discrete-gaussian": return try DiscreteGaussian(sigmaSquared: positive("sigma-squared"))
        case "skellam": return try Skellam(variance: positive("variance"))
        case let other:
            throw Failure(.invalidInput, "--mechanism must be discrete-gaussian or skellam, not \"\(other)\"")
        }
    }
}
