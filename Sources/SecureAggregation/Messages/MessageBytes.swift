/// Writes the binary form of messages and of what is signed or hashed: fixed fields and counted bytes, all
/// numbers little-endian.
struct MessageWriter {
    /// What was written so far.
    private(set) var bytes: [UInt8]

    /// Starts with a kind and the protocol's version.
    init(kind: MessageKind) {
        bytes = [kind.rawValue, MessageKind.version]
    }

    /// Starts with a domain, so that nothing signed or hashed for one purpose serves another.
    init(domain: String) {
        bytes = [UInt8](domain.utf8) + [0]
    }

    /// Two bytes.
    mutating func put(_ value: UInt16) {
        bytes.append(UInt8(truncatingIfNeeded: value))
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
    }

    /// Eight bytes.
    mutating func put(_ value: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    /// The bytes as they are, of a length that both sides know.
    mutating func put(_ value: [UInt8]) { bytes += value }

    /// A 16-bit count and the bytes.
    mutating func put(counted value: [UInt8]) {
        precondition(value.count <= Int(UInt16.max), "a field of \(value.count) bytes")
        put(UInt16(value.count))
        bytes += value
    }
}

/// Reads what `MessageWriter` wrote. Every length is checked against the bytes at hand before anything is
/// allocated, and nothing may be left over.
struct MessageReader {
    private let bytes: [UInt8]
    private let name: String
    private var place = 2

    /// Checks kind and version.
    init(_ bytes: [UInt8], kind: MessageKind) throws(SecureAggregationError) {
        self.bytes = bytes
        name = kind.name
        guard bytes.count >= 2 else { throw .malformed(name, reason: "it is cut off") }
        guard bytes[0] == kind.rawValue else { throw .malformed(name, reason: "another kind of message") }
        guard bytes[1] == MessageKind.version else {
            throw .malformed(name, reason: "protocol version \(bytes[1]), not \(MessageKind.version)")
        }
    }

    /// The next `count` bytes.
    mutating func take(_ count: Int) throws(SecureAggregationError) -> [UInt8] {
        guard count <= bytes.count - place else { throw .malformed(name, reason: "it is cut off") }
        defer { place += count }
        return [UInt8](bytes[place..<place + count])
    }

    /// The next two bytes as a number.
    mutating func takeNumber() throws(SecureAggregationError) -> Int {
        let two = try take(2)
        return Int(two[0]) | Int(two[1]) << 8
    }

    /// A 16-bit count of at most `limit`, and that many bytes.
    mutating func takeCounted(limit: Int) throws(SecureAggregationError) -> [UInt8] {
        let count = try takeNumber()
        guard count <= limit else {
            throw .malformed(name, reason: "a field of \(count) bytes, at most \(limit) are allowed")
        }
        return try take(count)
    }

    /// Reads a 16-bit count of items of at least `itemByteCount` bytes each.
    mutating func takeCount(itemByteCount: Int) throws(SecureAggregationError) -> Int {
        let count = try takeNumber()
        guard count * itemByteCount <= bytes.count - place else {
            throw .malformed(name, reason: "it is cut off")
        }
        return count
    }

    /// Throws unless everything was read.
    func finish() throws(SecureAggregationError) {
        guard place == bytes.count else {
            throw .malformed(name, reason: "\(bytes.count - place) bytes are left over")
        }
    }

    /// The error that refuses this message.
    func refuse(_ reason: String) -> SecureAggregationError { .malformed(name, reason: reason) }
}

/// First byte of each message.
enum MessageKind: UInt8 {
    case advertisement = 1
    case roster, sealedShares, survivors, confirmation, quorum, unmaskShares, encryptedVector

    /// Second byte of each message.
    static let version: UInt8 = 1

    /// The kind in words, for errors.
    var name: String {
        switch self {
        case .advertisement: "key advertisement"
        case .roster: "roster"
        case .sealedShares: "sealed shares"
        case .survivors: "survivor set"
        case .confirmation: "confirmation"
        case .quorum: "quorum"
        case .unmaskShares: "unmasking shares"
        case .encryptedVector: "encrypted vector"
        }
    }
}

/// A message of the protocol, with one binary form.
package protocol SecureAggregationMessage: Equatable, Sendable {
    /// Reads the only form that `encoded` writes; throws `malformed` for anything else.
    init(decoding bytes: [UInt8]) throws(SecureAggregationError)
    /// The message's bytes.
    func encoded() -> [UInt8]
}
