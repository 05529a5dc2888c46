internal import Configuration

/// Finds what would read a file that the stated syntax does not.
struct SyntaxHint {
    /// Records that are looked at.
    private static let sampleCount = 20

    private let options: TableOptions
    private let bytes: UnsafeBufferPointer<UInt8>
    private let skipped: Int
    private let isTest: Bool

    /// `skipped` lines are passed over; `isTest` says that the file is of the test part.
    init(_ bytes: UnsafeBufferPointer<UInt8>, options: TableOptions, skipped: Int, isTest: Bool) {
        (self.bytes, self.options, self.skipped, self.isTest) = (bytes, options, skipped, isTest)
    }

    /// The refusal with a hint where another delimiter cuts all of the first records into the same number of columns,
    /// where lines at the start are no rows, or where the bytes look like UTF-16.
    func explain(_ error: ConfigurationError) -> ConfigurationError {
        guard let hint = hint(for: error.problem) else { return error }
        return ConfigurationError(path: error.path, problem: "\(error.problem); \(hint)")
    }

    private func hint(for problem: String) -> String? {
        if TextEncoding.looksLike16(bytes) { return "it looks like UTF-16: encoding: \"utf-16\" reads it" }
        let stated = counts(options.syntax.delimiter).map(\.fields)
        guard let most = stated.max() else { return nil }
        guard options.format == .csv else { return preambleHint }
        let candidates: [(byte: UInt8, name: String)] = [
            (UInt8(ascii: ";"), ";"), (UInt8(ascii: "\t"), "\\t"), (UInt8(ascii: "|"), "|"),
            (UInt8(ascii: ","), ","), (UInt8(ascii: ":"), ":"),
        ]
        for candidate in candidates where candidate.byte != options.syntax.delimiter {
            let found = counts(candidate.byte).map(\.fields)
            guard let count = found.first, count > 1, found.allSatisfy({ $0 == count }),
                most == 1 || (candidate.byte != UInt8(ascii: ":") && Set(stated).count > 1)
                    || (problem.contains("finite number") && problem.contains(candidate.name))
            else { continue }
            return
                "delimiter: \"\(candidate.name)\" would make \(count) columns of line \(counts(candidate.byte).first?.line ?? 1), where the one assumed makes \(stated.first ?? 0)"
        }
        return preambleHint
    }

    /// Says that the first lines have other numbers of columns than all that follow.
    private var preambleHint: String? {
        let counts = counts(options.syntax.delimiter)
        guard let last = counts.last, last.fields > 1,
            let odd = counts.lastIndex(where: { $0.fields != last.fields }), odd + 2 < counts.count,
            let first = counts.first, first.fields != last.fields
        else { return nil }
        let line = counts[odd].line
        let lines = isTest ? "skip_lines: { test: \(line) }" : "skip_lines: \(line)"
        return
            "line \(first.line) has \(first.fields), the lines after line \(line) have \(last.fields) columns; \(lines) passes over what is no row"
    }

    private func start(_ syntax: RecordScanner.Syntax) -> RecordScanner {
        var scanner = RecordScanner(bytes, syntax: syntax)
        for _ in 0..<skipped { _ = scanner.skipLine() }
        return scanner
    }

    /// Lines and numbers of fields of the first records under a delimiter.
    private func counts(_ delimiter: UInt8?) -> [(line: Int, fields: Int)] {
        var syntax = options.syntax
        syntax.delimiter = delimiter
        guard delimiter != syntax.quote, delimiter != syntax.comment else { return [] }
        var scanner = start(syntax)
        var counts: [(line: Int, fields: Int)] = []
        while counts.count < Self.sampleCount, scanner.next() {
            counts.append((scanner.recordLine, scanner.problem == nil ? scanner.fields.count : 0))
        }
        return counts
    }
}
