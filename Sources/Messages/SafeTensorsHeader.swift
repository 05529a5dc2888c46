internal import FoundationEssentials

/// One member of the header object: a tensor's description, or the metadata.
enum SafeTensorsHeaderEntry: Decodable {
    struct TensorEntry {
        let dtype: String
        let shape: [Int]
        let begin: Int
        let end: Int
    }

    case tensor(TensorEntry)
    case metadata([String: String])

    /// The members of a header. Throws ``SafeTensorsError`` for anything but the JSON that the format defines.
    static func all(_ header: UnsafeRawBufferPointer) throws -> [String: SafeTensorsHeaderEntry] {
        var own = OwnHeaderReader(header)
        if let members = own.members() { return members }
        do {
            return try JSONDecoder().decode([String: SafeTensorsHeaderEntry].self, from: Data(header))
        } catch {
            throw SafeTensorsError("header is not the JSON that the format defines")
        }
    }

    private enum Key: String, CodingKey, CaseIterable {
        case dtype, shape
        case dataOffsets = "data_offsets"
    }

    init(from decoder: any Decoder) throws {
        if let values = try? decoder.singleValueContainer().decode([String: String].self) {
            self = .metadata(values)
            return
        }
        let container = try decoder.container(keyedBy: Key.self)
        let offsets = try container.decode([Int].self, forKey: .dataOffsets)
        guard offsets.count == 2, offsets[0] >= 0, offsets[1] >= 0 else {
            throw SafeTensorsError("data_offsets must be two places")
        }
        self = .tensor(
            TensorEntry(
                dtype: try container.decode(String.self, forKey: .dtype),
                shape: try container.decode([Int].self, forKey: .shape), begin: offsets[0], end: offsets[1]))
    }
}

/// Reads a header that is written as ``SafeTensors/head(_:metadata:)`` writes it, which is what rounds read: without a blank
/// but at its end, and its members in their order. It says nothing of any other header, right or wrong.
private struct OwnHeaderReader {
    private let bytes: UnsafeRawBufferPointer
    private var place = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The members; nil for a header of another form.
    mutating func members() -> [String: SafeTensorsHeaderEntry]? {
        var members: [String: SafeTensorsHeaderEntry] = [:]
        guard skip("{") else { return nil }
        repeat {
            guard let name = string(), skip(":"), members[name] == nil else { return nil }
            if name == "__metadata__" {
                guard let values = metadata() else { return nil }
                members[name] = .metadata(values)
            } else {
                guard let entry = tensor() else { return nil }
                members[name] = .tensor(entry)
            }
        } while skip(",")
        guard skip("}"), bytes[place...].allSatisfy({ $0 == UInt8(ascii: " ") }) else { return nil }
        return members
    }

    private mutating func metadata() -> [String: String]? {
        var values: [String: String] = [:]
        guard skip("{") else { return nil }
        repeat {
            guard let name = string(), skip(":"), values[name] == nil, let value = string() else {
                return nil
            }
            values[name] = value
        } while skip(",")
        return skip("}") ? values : nil
    }

    private mutating func tensor() -> SafeTensorsHeaderEntry.TensorEntry? {
        guard skip("{\"dtype\":"), let dtype = string(), skip(",\"shape\":"), let shape = numbers(),
            skip(",\"data_offsets\":"), let offsets = numbers(), offsets.count == 2, skip("}")
        else { return nil }
        return .init(dtype: dtype, shape: shape, begin: offsets[0], end: offsets[1])
    }

    /// Whole numbers that are not negative, between brackets.
    private mutating func numbers() -> [Int]? {
        guard skip("[") else { return nil }
        var numbers: [Int] = []
        if skip("]") { return numbers }
        repeat {
            guard let number = number() else { return nil }
            numbers.append(number)
        } while skip(",")
        return skip("]") ? numbers : nil
    }

    private mutating func number() -> Int? {
        let start = place
        var number = 0
        while place < bytes.count, case let digit = bytes[place] &- UInt8(ascii: "0"), digit < 10 {
            // More digits may not fit, and are no place in a file.
            guard place - start < 18 else { return nil }
            number = 10 * number + Int(digit)
            place += 1
        }
        let isPlain = place - start == 1 || place > start && bytes[start] != UInt8(ascii: "0")
        return isPlain ? number : nil
    }

    /// A string in which nothing is escaped but quotation marks and backslashes.
    private mutating func string() -> String? {
        guard skip("\"") else { return nil }
        let start = place
        var text: [UInt8] = []
        var copied = start
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "\""):
                let rest = UnsafeRawBufferPointer(rebasing: bytes[copied..<place])
                place += 1
                guard copied > start else { return String(validating: rest, as: UTF8.self) }
                text += rest
                return String(validating: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard place + 1 < bytes.count, [0x22, 0x5C].contains(bytes[place + 1]) else { return nil }
                text += bytes[copied..<place]
                // The escaped character is copied with what follows it.
                copied = place + 1
                place += 2
            case ..<0x20: return nil
            default: place += 1
            }
        }
        return nil
    }

    /// Passes over `text` where it is next.
    private mutating func skip(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard bytes.count - place >= count else { return false }
        for offset in 0..<count where bytes[place + offset] != text.utf8Start[offset] { return false }
        place += count
        return true
    }
}
