/// Why received bytes are not a message of the subset. The parser that threw one stays refused: after a
/// framing error nothing later on the connection can be trusted (request smuggling).
package enum HTTPRefusal: Error, Sendable, Equatable {
    /// A line ended in LF without CR before it.
    case bareLineFeed
    /// A CR stood inside a line.
    case bareCarriageReturn
    /// The request or status line does not have its three parts.
    case malformedStartLine
    /// The start line is longer than the limit.
    case startLineTooLong
    /// The method is not one of `HTTPMethod`.
    case unknownMethod
    /// The protocol version is not HTTP/1.1.
    case unsupportedVersion
    /// The target is not a clean absolute path: wrong characters, percent-encoding or dot segments.
    case malformedTarget
    /// A header line is not `token ":" value`, or continues the line before.
    case malformedHeader
    /// More header bytes or fields than the limit.
    case headersTooLarge
    /// A field that must stand once stands twice, named in lower case.
    case repeatedHeader(String)
    /// No `Host`, or one that is not a host.
    case malformedHost
    /// `Content-Length` is not a plain decimal number.
    case malformedContentLength
    /// `Transfer-Encoding` other than `chunked`.
    case unsupportedTransferEncoding
    /// Both `Content-Length` and `Transfer-Encoding`.
    case ambiguousLength
    /// A body on a method that has none here.
    case unexpectedBody
    /// An `Expect` other than `100-continue`.
    case unsupportedExpectation
    /// The body is longer than the limit that holds.
    case bodyTooLarge
    /// A chunk size, extension, trailer or line end outside the subset.
    case malformedChunk
    /// A response whose end is only the end of the connection.
    case missingLength
    /// The input ended inside a message.
    case truncated
    /// Bytes of another request came before the answer to this one.
    case pipelined

    /// The status that says it best to the peer.
    package var status: Int {
        switch self {
        case .startLineTooLong: 414
        case .unknownMethod: 501
        case .unsupportedVersion: 505
        case .headersTooLarge: 431
        case .unsupportedTransferEncoding: 501
        case .unsupportedExpectation: 417
        case .bodyTooLarge: 413
        default: 400
        }
    }

    /// One line for a log or an error body; contains nothing the peer sent but a known field name.
    package var reason: String {
        switch self {
        case .bareLineFeed: "a line ends in LF without CR"
        case .bareCarriageReturn: "a CR stands inside a line"
        case .malformedStartLine: "the first line is not method, target and version"
        case .startLineTooLong: "the first line is too long"
        case .unknownMethod: "the method is not supported"
        case .unsupportedVersion: "only HTTP/1.1 is spoken here"
        case .malformedTarget: "the target is not a clean absolute path"
        case .malformedHeader: "a header line is malformed"
        case .headersTooLarge: "there are too many or too long headers"
        case .repeatedHeader(let name): "the header \(name) stands more than once"
        case .malformedHost: "the header host is missing or malformed"
        case .malformedContentLength: "the header content-length is not a plain number"
        case .unsupportedTransferEncoding: "only the transfer-encoding chunked is supported"
        case .ambiguousLength: "content-length and transfer-encoding exclude each other"
        case .unexpectedBody: "this method takes no body"
        case .unsupportedExpectation: "only the expectation 100-continue is supported"
        case .bodyTooLarge: "the body is longer than this path accepts"
        case .malformedChunk: "the chunked body is malformed, or uses extensions or trailers"
        case .missingLength: "the response does not say how long it is"
        case .truncated: "the message ends early"
        case .pipelined: "another request came before the answer to the first"
        }
    }
}
