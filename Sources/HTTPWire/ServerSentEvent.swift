/// One server-sent event (WHATWG HTML, section 9.2).
package struct ServerSentEvent: Sendable, Equatable {
    /// The event's type; "message" when nil.
    package let name: String?
    /// Its data, of any number of lines.
    package let data: String

    /// An event.
    package init(name: String? = nil, data: String) {
        self.name = name
        self.data = data
    }

    /// The bytes on the wire. Every line of the data gets its own field, and line ends in the name are dropped,
    /// so that neither can forge another field.
    package var bytes: [UInt8] {
        var text = ""
        if let name { text += "event: \(String(name.filter { !$0.isNewline }))\n" }
        for line in data.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            text += "data: \(line)\n"
        }
        return Array((text + "\n").utf8)
    }

    /// A comment that keeps idle connections open.
    package static let keepAlive: [UInt8] = Array(": \n\n".utf8)
}
