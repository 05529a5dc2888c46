/// The target of a request in origin form, decoded and clean: what a router compares needs no second look.
package struct RequestTarget: Sendable, Equatable {
    /// One `name=value` of the query.
    package struct Parameter: Sendable, Equatable {
        /// The decoded name.
        package let name: String
        /// The decoded value, empty when there was no `=`.
        package let value: String
    }

    /// The decoded path. Starts with "/", has no empty, "." or ".." segment, control character or backslash,
    /// and every "/" in it separated segments on the wire too.
    package let path: String
    /// The decoded query in order; "+" is a plus here, not a space.
    package let query: [Parameter]

    /// The segments of the path, without the empty one after a final "/".
    package var segments: [Substring] { path.split(separator: "/") }

    /// The first value of the query parameter `name`.
    package func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// Parses the bytes between method and version.
    /// - Throws: `malformedTarget` unless they are an absolute path and an optional query in strict encoding.
    package init(parsing bytes: ArraySlice<UInt8>) throws(HTTPRefusal) {
        guard bytes.first == UInt8(ascii: "/") else { throw .malformedTarget }
        let mark = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
        path = try Self.decodePath(bytes[..<mark])
        query = try mark == bytes.endIndex ? [] : Self.decodeQuery(bytes[(mark + 1)...])
    }

    private static func decodePath(_ bytes: ArraySlice<UInt8>) throws(HTTPRefusal) -> String {
        let segments = bytes.dropFirst().split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        var decoded = ""
        for (index, segment) in segments.enumerated() {
            let text = try decode(segment) { HTTPCharacters.isPath($0) }
            // An empty segment is allowed only at the end: "/" itself and a final slash.
            guard !text.isEmpty || index == segments.count - 1, text != ".", text != "..",
                !text.utf8.contains(UInt8(ascii: "/")), !text.utf8.contains(UInt8(ascii: "\\"))
            else { throw .malformedTarget }
            decoded += "/" + text
        }
        return decoded
    }

    private static func decodeQuery(_ bytes: ArraySlice<UInt8>) throws(HTTPRefusal) -> [Parameter] {
        var parameters: [Parameter] = []
        for pair in bytes.split(separator: UInt8(ascii: "&")) {
            let mark = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            let allowed: (UInt8) -> Bool = { HTTPCharacters.isPath($0) || $0 == UInt8(ascii: "?") }
            let name = try decode(pair[..<mark], allowed)
            let value = try decode(pair[mark...].dropFirst(), allowed)
            parameters.append(Parameter(name: name, value: value))
        }
        return parameters
    }

    private static func decode(
        _ bytes: ArraySlice<UInt8>, _ allowed: (UInt8) -> Bool
    ) throws(HTTPRefusal) -> String {
        var plain: [UInt8] = []
        plain.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            if byte == UInt8(ascii: "%") {
                guard bytes.endIndex - index >= 3, let high = HTTPCharacters.hexadecimal(bytes[index + 1]),
                    let low = HTTPCharacters.hexadecimal(bytes[index + 2])
                else { throw .malformedTarget }
                let value = UInt8(high * 16 + low)
                guard value >= 0x20, value != 0x7F else { throw .malformedTarget }
                plain.append(value)
                index += 3
            } else {
                guard allowed(byte) else { throw .malformedTarget }
                plain.append(byte)
                index += 1
            }
        }
        guard let text = String(validating: plain, as: UTF8.self) else { throw .malformedTarget }
        return text
    }
}
