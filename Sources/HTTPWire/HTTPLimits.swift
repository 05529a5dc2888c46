/// Upper bounds on what one message may make this process store. Each is enforced before memory is taken.
package struct HTTPLimits: Sendable, Equatable {
    /// Longest request or status line in bytes, without its CRLF.
    package var startLineBytes: Int
    /// Most bytes in the whole head after the start line, line ends included.
    package var headerBytes: Int
    /// Most header fields in one message.
    package var headerCount: Int
    /// Most body bytes; a handler narrows it per route.
    package var bodyBytes: Int

    /// Defaults fit agents and browsers: 4 KiB target, 16 KiB and 64 fields of headers, 64 MiB of body.
    package init(
        startLineBytes: Int = 4096, headerBytes: Int = 16_384, headerCount: Int = 64,
        bodyBytes: Int = 64 << 20
    ) {
        self.startLineBytes = startLineBytes
        self.headerBytes = headerBytes
        self.headerCount = headerCount
        self.bodyBytes = bodyBytes
    }
}

/// The methods this subset knows; anything else is refused with 501.
package enum HTTPMethod: String, Sendable, CaseIterable {
    /// Reads.
    case get = "GET"
    /// Reads the head only.
    case head = "HEAD"
    /// Acts.
    case post = "POST"
    /// Stores; the same twice is the same once.
    case put = "PUT"
}
