/// How a message says where its body ends.
package enum BodyLength: Sendable, Equatable {
    /// No body at all.
    case none
    /// Exactly this many bytes follow, at least one.
    case fixed(Int)
    /// Chunks follow.
    case chunked
}

/// Finds the bytes of a body in the input without copying them.
struct BodyReader: Sendable {
    private enum State {
        case fixed(remaining: Int)
        case chunkSize
        case chunk(remaining: Int)
        case chunkEnd
        case lastLine
        case done
    }

    private var state: State
    private var lines = LineReader()
    private var total = 0

    /// A reader before the first byte of the body.
    init(_ length: BodyLength) {
        switch length {
        case .none: state = .done
        case .fixed(let count): state = count > 0 ? .fixed(remaining: count) : .done
        case .chunked: state = .chunkSize
        }
    }

    /// Whether the body is complete.
    var isDone: Bool { if case .done = state { true } else { false } }

    /// Consumes input from `position`.
    /// - Returns: the next run of body bytes as a range of `input`; nil when the body is complete (`isDone`) or
    ///   more input is needed.
    mutating func next(
        _ input: UnsafeRawBufferPointer, _ position: inout Int, limit: Int
    ) throws(HTTPRefusal) -> Range<Int>? {
        while true {
            switch state {
            case .done: return nil
            case .fixed(let remaining):
                let range = take(remaining, input, &position)
                guard !range.isEmpty else { return nil }
                state = range.count == remaining ? .done : .fixed(remaining: remaining - range.count)
                return range
            case .chunk(let remaining):
                let range = take(remaining, input, &position)
                guard !range.isEmpty else { return nil }
                state = range.count == remaining ? .chunkEnd : .chunk(remaining: remaining - range.count)
                return range
            case .chunkSize:
                // Eight hexadecimal digits are 4 GiB, more than any limit in use; extensions are refused.
                guard let line = try line(8, input, &position) else { return nil }
                let size = try chunkSize(line)
                guard size <= limit, total <= limit - size else { throw .bodyTooLarge }
                total += size
                state = size == 0 ? .lastLine : .chunk(remaining: size)
            case .chunkEnd, .lastLine:
                // An empty line: after data the end of the chunk, after the last chunk the absence of trailers.
                guard let line = try line(0, input, &position) else { return nil }
                guard line.isEmpty else { throw .malformedChunk }
                if case .lastLine = state { state = .done } else { state = .chunkSize }
            }
        }
    }

    private func take(_ most: Int, _ input: UnsafeRawBufferPointer, _ position: inout Int) -> Range<Int> {
        let start = position
        position += min(most, input.count - position)
        return start..<position
    }

    private mutating func line(
        _ limit: Int, _ input: UnsafeRawBufferPointer, _ position: inout Int
    ) throws(HTTPRefusal) -> [UInt8]? {
        try lines.next(input, &position, limit: limit, tooLong: .malformedChunk)
    }

    private func chunkSize(_ line: [UInt8]) throws(HTTPRefusal) -> Int {
        guard !line.isEmpty else { throw .malformedChunk }
        var size = 0
        for byte in line {
            guard let digit = HTTPCharacters.hexadecimal(byte) else { throw .malformedChunk }
            size = size * 16 + digit
        }
        return size
    }
}
