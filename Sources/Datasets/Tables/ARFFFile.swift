internal import Configuration

/// An ARFF file (Weka's format), its rows held against its header and written out as comma-separated records.
///
/// Sparse rows become full ones, weights of instances are dropped and counted, quotes and escapes are resolved. What
/// does not fit the header is a problem of its row.
struct ARFFFile {
    /// One declared column.
    struct Attribute {
        /// What its values may be.
        enum Kind: Equatable {
            case numeric
            /// One of these, in this order.
            case nominal([String])
            /// Texts and dates.
            case text
        }
        let name: String
        let kind: Kind
    }

    /// The declared columns in their order.
    let attributes: [Attribute]
    /// The rows that fit the header: one record a line of `lines` (RFC 4180), without a header.
    private(set) var records: [UInt8] = []
    /// Line of each record in the file, from 1.
    private(set) var lines: [Int] = []
    /// Rows that do not fit the header.
    private(set) var problems: [(line: Int, problem: String)] = []
    /// Rows whose weight was dropped.
    private(set) var weightedCount = 0

    /// Declared values of each nominal column by their canonical text; nil for others.
    private let declared: [Set<String>?]
    /// What a sparse row leaves out: 0, or the first declared value.
    private let unstated: [[UInt8]]
    private let file: String

    /// Reads a whole file after `skipping` lines. `quote` is taken for a quote beside `'` and `"`.
    ///
    /// Throws ``ConfigurationError`` where the header cannot be read, or sparse rows would fill too much memory.
    init(
        _ bytes: UnsafeBufferPointer<UInt8>, skipping: Int = 0, quote: UInt8? = nil, file: String
    ) throws {
        let scanner = RecordScanner(bytes, syntax: .init(delimiter: nil, quote: nil, comment: nil))
        var reader = LineReader(scanner: scanner, skipping: skipping)
        attributes = try Self.header(&reader, file: file)
        self.file = file
        declared = attributes.map {
            guard case .nominal(let values) = $0.kind else { return nil }
            return Set(values.map(LabelRule.canonical))
        }
        unstated = attributes.map {
            switch $0.kind {
            case .numeric: Array("0".utf8)
            case .nominal(let values): Array((values.first ?? "").utf8)
            case .text: []
            }
        }
        records.reserveCapacity(bytes.count)
        while let line = reader.next() {
            let text = ARFFTokens.trimmed(line)
            guard let first = text.first, first != UInt8(ascii: "%") else { continue }
            try addRow(ARFFTokens(text, quote: quote), line: reader.line)
        }
    }

    /// Passes over lines and counts them.
    private struct LineReader {
        var scanner: RecordScanner
        /// Number of the line that came last, from 1.
        private(set) var line: Int

        init(scanner: RecordScanner, skipping: Int) {
            self.scanner = scanner
            line = skipping
            for _ in 0..<skipping { _ = self.scanner.skipLine() }
        }

        mutating func next() -> UnsafeBufferPointer<UInt8>? {
            line += 1
            return scanner.skipLine()
        }
    }

    // MARK: The header

    private static func header(_ reader: inout LineReader, file: String) throws -> [Attribute] {
        var attributes: [Attribute] = []
        while let line = reader.next() {
            let text = ARFFTokens.trimmed(line)
            guard text.first == UInt8(ascii: "@") else { continue }
            let word = text.prefix { !ARFFTokens.isBlank($0) }
            switch String(decoding: word, as: UTF8.self).lowercased() {
            case "@data":
                guard !attributes.isEmpty else {
                    throw ConfigurationError(
                        path: file, problem: "line \(reader.line): @data, but no @attribute before it")
                }
                return attributes
            case "@attribute":
                let rest = UnsafeBufferPointer(rebasing: text[word.endIndex...])
                do {
                    attributes.append(try attribute(ARFFTokens(ARFFTokens.trimmed(rest))))
                } catch {
                    throw ConfigurationError(path: file, problem: "line \(reader.line): \(error.text)")
                }
                guard attributes.count <= RecordScanner.fieldLimit else {
                    throw ConfigurationError(path: file, problem: "declares too many attributes")
                }
            default: continue
            }
        }
        throw ConfigurationError(path: file, problem: "has no @data line, which an ARFF file needs")
    }

    private static func attribute(_ tokens: ARFFTokens) throws(ARFFTokens.Problem) -> Attribute {
        var tokens = tokens
        let name = try tokens.word(endingAt: "{")
        guard !name.isEmpty else { throw .init("@attribute without a name") }
        let text = String(decoding: name.bytes, as: UTF8.self)
        if tokens.take("{") {
            var values: [String] = []
            repeat {
                values.append(
                    String(decoding: try tokens.word(endingAt: ",}", spansBlanks: true).bytes, as: UTF8.self))
            } while tokens.take(",")
            guard tokens.take("}") else {
                throw .init("the values of \(BadRows.show(text)) have no closing brace")
            }
            guard Set(values).count == values.count, values != [""] else {
                throw .init("the values of \(BadRows.show(text)) must be different words")
            }
            return Attribute(name: text, kind: .nominal(values))
        }
        let type = String(decoding: try tokens.word(endingAt: "").bytes, as: UTF8.self)
        switch type.lowercased() {
        // Published files leave the type out where they mean numbers.
        case "numeric", "real", "integer", "": return Attribute(name: text, kind: .numeric)
        case "string", "date": return Attribute(name: text, kind: .text)
        case "relational": throw .init("attribute \(BadRows.show(text)) is relational, which is not read")
        default:
            throw .init(
                "attribute \(BadRows.show(text)) has the type \(BadRows.show(type)); types are numeric, real, integer, string, date, or values in braces"
            )
        }
    }

    // MARK: The rows

    private mutating func addRow(_ tokens: ARFFTokens, line: Int) throws {
        var tokens = tokens
        let start = records.count
        do {
            let isWeighted = try tokens.take("{") ? appendSparse(&tokens) : appendFull(&tokens)
            records[records.count - 1] = UInt8(ascii: "\n")
            lines.append(line)
            if isWeighted { weightedCount += 1 }
        } catch {
            records.removeLast(records.count - start)
            problems.append((line, error.text))
        }
        guard records.count <= InputFile.sizeLimit / 4 else {
            throw ConfigurationError(path: file, problem: "line \(line): the rows are too large to be held")
        }
    }

    /// Appends a row of all values; returns whether it ended in a weight.
    private mutating func appendFull(_ tokens: inout ARFFTokens) throws(ARFFTokens.Problem) -> Bool {
        var count = 0
        var isWeighted = false
        repeat {
            if count > 0, tokens.isWeightNext {
                try tokens.weight()
                isWeighted = true
                break
            }
            let word = try tokens.word(endingAt: ",", spansBlanks: true)
            if count < attributes.count { try append(word, attribute: count) }
            count += 1
        } while tokens.take(",")
        guard tokens.isAtEnd else { throw .init("text after a value or weight") }
        guard count == attributes.count else {
            throw .init("has \(count) fields, but the header declares \(attributes.count) attributes")
        }
        return isWeighted
    }

    /// Appends a row that states only some values, its opening brace read already; returns whether it ended in a weight.
    private mutating func appendSparse(_ tokens: inout ARFFTokens) throws(ARFFTokens.Problem) -> Bool {
        var next = 0
        if !tokens.take("}") {
            repeat {
                let index = String(decoding: try tokens.word(endingAt: ",}").bytes, as: UTF8.self)
                guard let place = Int(index), attributes.indices.contains(place) else {
                    throw .init(
                        "\(BadRows.show(index)) is no place among the \(attributes.count) attributes, counted from 0"
                    )
                }
                guard place >= next else { throw .init("the places of a sparse row must ascend") }
                while next < place { appendUnstated(&next) }
                try append(try tokens.word(endingAt: ",}", spansBlanks: true), attribute: place)
                next += 1
            } while tokens.take(",")
            guard tokens.take("}") else { throw .init("a sparse row without its closing brace") }
        }
        while next < attributes.count { appendUnstated(&next) }
        var isWeighted = false
        if tokens.take(",") {
            try tokens.weight()
            isWeighted = true
        }
        guard tokens.isAtEnd else { throw .init("text after the closing brace") }
        return isWeighted
    }

    private mutating func appendUnstated(_ place: inout Int) {
        appendField(unstated[place], isQuoted: true)
        place += 1
    }

    private mutating func append(
        _ word: ARFFTokens.Word, attribute: Int
    ) throws(ARFFTokens.Problem) {
        if let values = declared[attribute], word.isQuoted || word.bytes != [UInt8(ascii: "?")] {
            let text = String(decoding: word.bytes, as: UTF8.self)
            guard values.contains(LabelRule.canonical(text)) else {
                throw .init(
                    "\(BadRows.show(text)) is none of the values that the header declares for \(BadRows.show(attributes[attribute].name))"
                )
            }
        }
        appendField(word.bytes, isQuoted: word.isQuoted)
    }

    /// Appends a field and the mark behind it.
    private mutating func appendField(_ bytes: [UInt8], isQuoted: Bool) {
        let quote = UInt8(ascii: "\"")
        if isQuoted || bytes.contains(quote) {
            records.append(quote)
            for byte in bytes {
                if byte == quote { records.append(quote) }
                records.append(byte)
            }
            records.append(quote)
        } else {
            records.append(contentsOf: bytes)
        }
        records.append(UInt8(ascii: ","))
    }
}
