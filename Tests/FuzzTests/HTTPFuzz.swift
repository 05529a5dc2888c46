// Fuzzes the HTTP parsers. Run by FuzzDriverTests, and with libFuzzer by Tests/Fuzz/run. A trap, a hang, an address
// error or a broken property ends the run.

@testable import HTTPWire

/// What a parser said, in a form that can be compared.
private enum Said: Equatable {
    case head(String)
    case body([UInt8])
    case end
    case refused(HTTPRefusal)
}

private func add(_ said: Said, to all: inout [Said]) {
    if case .body(let more) = said, case .body(let before)? = all.last {
        all[all.count - 1] = .body(before + more)
    } else {
        all.append(said)
    }
}

/// Parses `input` cut into pieces of `size` bytes.
private func transcript<Head>(
    _ input: UnsafeRawBufferPointer, pieces size: Int,
    _ next: (UnsafeRawBufferPointer, inout Int) throws(HTTPRefusal) -> HTTPEvent<Head>
) -> [Said] {
    var all: [Said] = []
    var start = 0
    while start < input.count {
        let piece = UnsafeRawBufferPointer(rebasing: input[start..<min(start + size, input.count)])
        start += piece.count
        var position = 0
        while true {
            do throws(HTTPRefusal) {
                let event = try next(piece, &position)
                precondition(position <= piece.count, "consumed more than was given")
                if case .needsInput = event {
                    precondition(position == piece.count, "asked for input with some left")
                    break
                }
                switch event {
                case .needsInput: break
                case .head(let head): add(.head("\(head)"), to: &all)
                case .body(let range):
                    precondition(!range.isEmpty && range.upperBound <= position, "body outside the input")
                    add(.body(Array(piece[range])), to: &all)
                case .end: add(.end, to: &all)
                }
            } catch {
                add(.refused(error), to: &all)
                return all
            }
        }
    }
    return all
}

private func requests(_ input: UnsafeRawBufferPointer, pieces: Int) -> [Said] {
    var parser = HTTPRequestParser(limits: HTTPLimits(bodyBytes: 1 << 16))
    return transcript(input, pieces: pieces) { piece, position throws(HTTPRefusal) in
        try parser.next(piece, &position)
    }
}

private func responses(
    _ input: UnsafeRawBufferPointer, pieces: Int, _ answering: HTTPResponseParser.Answering
) -> [Said] {
    var parser = HTTPResponseParser(limits: HTTPLimits(bodyBytes: 1 << 16), answering: answering)
    return transcript(input, pieces: pieces) { piece, position throws(HTTPRefusal) in
        try parser.next(piece, &position)
    }
}

enum HTTPFuzz {
    /// Parses the bytes as requests or, when they begin like one, as a response: whole, byte by byte and in pieces of
    /// seven, which must all say the same.
    static func run(_ input: UnsafeRawBufferPointer) {
        if input.starts(with: "HTTP".utf8) {
            for answering in [HTTPResponseParser.Answering.other, .head, .connect] {
                let whole = responses(input, pieces: max(1, input.count), answering)
                precondition(responses(input, pieces: 1, answering) == whole, "splitting changed a response")
                precondition(responses(input, pieces: 7, answering) == whole, "splitting changed a response")
            }
        } else {
            let whole = requests(input, pieces: max(1, input.count))
            precondition(requests(input, pieces: 1) == whole, "splitting changed a request")
            precondition(requests(input, pieces: 7) == whole, "splitting changed a request")
        }
    }
}
