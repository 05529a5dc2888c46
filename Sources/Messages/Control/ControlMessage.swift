internal import FoundationEssentials
internal import Notation

/// Why bytes are not an acceptable control message.
package struct MessageError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong, in one line that repeats nothing of what was received but names of known keys.
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// A JSON body of the protocol: strict, bounded, and with one canonical text.
///
/// Unknown keys are refused at every depth, so that a message of a later protocol version is never half
/// understood. Absent and null are the same.
package protocol ControlMessage: Codable, Equatable, Sendable {
    /// Most bytes that are read.
    static var byteLimit: Int { get }
    /// Checks what types alone do not say: lengths, ranges, forms.
    func validate() throws(MessageError)
}

extension ControlMessage {
    package static var byteLimit: Int { 16 << 10 }

    /// The canonical text: sorted keys, no spaces, absent values left out. Throws for a message that its reader
    /// would refuse.
    package func encoded() throws(MessageError) -> [UInt8] {
        try validate()
        let bytes: [UInt8]
        do {
            bytes = Array(try canonicalText())
        } catch {
            throw MessageError("\(Self.self): a number is not finite")
        }
        guard bytes.count <= Self.byteLimit else {
            throw MessageError("\(Self.self): longer than \(Self.byteLimit) bytes")
        }
        return bytes
    }

    private func canonicalText() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }

    /// Whether `body`, from which this message was read, has keys that it has not.
    private func ignoresKeys(of body: Data) throws -> Bool {
        // What our programs send is the one text of the message, which has no key but its own.
        if try canonicalText() == body { return false }
        let given = try JSONDecoder().decode(KeyTree.self, from: body)
        let known = try JSONDecoder().decode(KeyTree.self, from: JSONEncoder().encode(self))
        return !known.covers(given)
    }

    /// Reads a whole body. Throws ``MessageError`` for anything but a well-formed message.
    package init(decoding bytes: [UInt8]) throws(MessageError) {
        guard bytes.count <= Self.byteLimit else {
            throw MessageError("\(Self.self): longer than \(Self.byteLimit) bytes")
        }
        let data = Data(bytes)
        let message: Self
        let ignoresKeys: Bool
        do {
            message = try JSONDecoder().decode(Self.self, from: data)
            ignoresKeys = try message.ignoresKeys(of: data)
        } catch DecodingError.keyNotFound(let key, _) {
            throw MessageError("\(Self.self): \(key.stringValue) is missing")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw MessageError("\(Self.self): \(path.isEmpty ? "the body" : path) has the wrong type")
        } catch {
            throw MessageError("\(Self.self): not valid JSON, or a value out of range")
        }
        guard !ignoresKeys else { throw MessageError("\(Self.self): has a key that is not known") }
        try message.validate()
        self = message
    }

    /// Throws unless `text` has at most `limit` bytes of UTF-8 and no control characters.
    func requireLine(_ text: String?, _ name: String, limit: Int) throws(MessageError) {
        guard let text else { return }
        guard text.utf8.count <= limit, text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 })
        else { throw MessageError("\(Self.self): \(name) must be one line of at most \(limit) bytes") }
    }

    /// Throws unless `value` lies in `range`.
    func require<Value: Comparable>(
        _ value: Value, in range: ClosedRange<Value>, _ name: String
    ) throws(MessageError) {
        guard range.contains(value) else {
            throw MessageError(
                "\(Self.self): \(name) must be from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    /// Throws unless `text` is `bytes` bytes in lower-case hexadecimal.
    func requireHexadecimal(_ text: String, _ name: String, bytes: Int) throws(MessageError) {
        guard Hexadecimal.isText(text, ofBytes: bytes) else {
            throw MessageError("\(Self.self): \(name) must be \(2 * bytes) lower-case hexadecimal digits")
        }
    }
}

/// The keys of a JSON document, at every depth.
private indirect enum KeyTree: Decodable {
    case leaf
    case list([KeyTree])
    case object([String: KeyTree])

    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        if let object = try? decoder.container(keyedBy: AnyKey.self) {
            var members: [String: KeyTree] = [:]
            for key in object.allKeys where try !object.decodeNil(forKey: key) {
                members[key.stringValue] = try object.decode(KeyTree.self, forKey: key)
            }
            self = .object(members)
        } else if var list = try? decoder.unkeyedContainer() {
            var items: [KeyTree] = []
            while !list.isAtEnd { items.append(try list.decode(KeyTree.self)) }
            self = .list(items)
        } else {
            self = .leaf
        }
    }

    /// Whether every key of `other` is here too.
    func covers(_ other: KeyTree) -> Bool {
        switch (self, other) {
        case (.object(let known), .object(let given)):
            given.allSatisfy { name, value in known[name]?.covers(value) ?? false }
        case (.list(let known), .list(let given)):
            known.count == given.count && zip(known, given).allSatisfy { $0.covers($1) }
        default: true
        }
    }
}
