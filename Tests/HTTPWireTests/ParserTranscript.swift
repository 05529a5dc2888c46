@testable import HTTPWire

/// All that a parser said about some input, with body ranges joined, so that transcripts of the same bytes in
/// other pieces must be equal.
struct ParserTranscript: Equatable {
    enum Entry: Equatable {
        case head(String)
        case body([UInt8])
        case end
        case refused(HTTPRefusal)
    }

    var entries: [Entry] = []

    mutating func append(_ entry: Entry) {
        if case .body(let more) = entry, case .body(let before)? = entries.last {
            entries[entries.count - 1] = .body(before + more)
        } else {
            entries.append(entry)
        }
    }

    /// Feeds `pieces` one after another; "refused" is the last entry when the parser refused or, at the end of
    /// the input, stood inside a message.
    static func ofRequests(_ pieces: [[UInt8]], limits: HTTPLimits = HTTPLimits()) -> ParserTranscript {
        var parser = HTTPRequestParser(limits: limits)
        return read(pieces) { input, position throws(HTTPRefusal) in
            switch try parser.next(input, &position) {
            case .head(let head): return .head("\(head)")
            case .body(let range): return .body(Array(input[range]))
            case .end: return .end
            case .needsInput: return nil
            }
        } finish: { () throws(HTTPRefusal) in
            try parser.finish()
        }
    }

    static func ofResponses(
        _ pieces: [[UInt8]], answering: HTTPResponseParser.Answering = .other
    ) -> ParserTranscript {
        var parser = HTTPResponseParser(answering: answering)
        return read(pieces) { input, position throws(HTTPRefusal) in
            switch try parser.next(input, &position) {
            case .head(let head): return .head("\(head)")
            case .body(let range): return .body(Array(input[range]))
            case .end: return .end
            case .needsInput: return nil
            }
        } finish: { () throws(HTTPRefusal) in
            try parser.finish()
        }
    }

    private static func read(
        _ pieces: [[UInt8]],
        next: (UnsafeRawBufferPointer, inout Int) throws(HTTPRefusal) -> Entry?,
        finish: () throws(HTTPRefusal) -> Void
    ) -> ParserTranscript {
        var transcript = ParserTranscript()
        for piece in pieces {
            let stopped = piece.withUnsafeBytes { input in
                var position = 0
                while true {
                    do throws(HTTPRefusal) {
                        guard let entry = try next(input, &position) else { return false }
                        transcript.append(entry)
                    } catch {
                        transcript.append(.refused(error))
                        return true
                    }
                }
            }
            if stopped { return transcript }
        }
        do throws(HTTPRefusal) { try finish() } catch { transcript.append(.refused(error)) }
        return transcript
    }

    /// The reason of the refusal at the end, if there is one.
    var refusal: HTTPRefusal? {
        if case .refused(let refusal)? = entries.last { refusal } else { nil }
    }
}
