internal import Configuration

/// How a file's bytes stand for characters.
enum TextEncoding: String, CaseIterable, Sendable {
    case utf8 = "utf-8"
    /// Of the byte order that the mark says; without a mark, of the order in which the zeros lie.
    case utf16 = "utf-16"
    case utf16LittleEndian = "utf-16le"
    case utf16BigEndian = "utf-16be"
    case latin1 = "latin-1"
    case windows1252 = "windows-1252"

    /// Other names of the same, in small letters.
    private static let synonyms: [String: TextEncoding] = [
        "utf8": .utf8, "ascii": .utf8, "utf16": .utf16, "utf-16-le": .utf16LittleEndian,
        "utf-16-be": .utf16BigEndian, "latin1": .latin1, "iso-8859-1": .latin1, "iso8859-1": .latin1,
        "cp1252": .windows1252, "windows1252": .windows1252,
    ]

    /// What a message says of text that is not UTF-8.
    static let remedy = "say which encoding it is: encoding: \"windows-1252\" or \"latin-1\""

    /// Reads the key `encoding`; nil where it is absent.
    static func read(_ section: Section) throws -> TextEncoding? {
        guard let name = try section.string("encoding") else { return nil }
        let lower = name.lowercased()
        if let encoding = TextEncoding(rawValue: lower) ?? synonyms[lower] { return encoding }
        throw section.error("encoding", Section.unknownName(name, known: allCases.map(\.rawValue)))
    }

    /// A file's content as UTF-8. A mark of UTF-16 at the start counts whatever was said; what is called UTF-8 comes
    /// back as it is, valid or not. Throws ``ConfigurationError`` for what cannot be text of the encoding.
    func decode(_ bytes: [UInt8], file: String) throws -> [UInt8] {
        if bytes.starts(with: [0xFF, 0xFE, 0, 0]) || bytes.starts(with: [0, 0, 0xFE, 0xFF]) {
            throw ConfigurationError(path: file, problem: "is UTF-32, which is not read; save it as UTF-8")
        }
        if bytes.starts(with: [0xFF, 0xFE]) {
            return try Self.decode16(bytes[2...], isBigEndian: false, file: file)
        }
        if bytes.starts(with: [0xFE, 0xFF]) {
            return try Self.decode16(bytes[2...], isBigEndian: true, file: file)
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return bytes }
        switch self {
        case .utf8: return bytes
        case .utf16:
            let isBigEndian = Self.zeros(bytes, at: 0) > Self.zeros(bytes, at: 1)
            return try Self.decode16(bytes[...], isBigEndian: isBigEndian, file: file)
        case .utf16LittleEndian: return try Self.decode16(bytes[...], isBigEndian: false, file: file)
        case .utf16BigEndian: return try Self.decode16(bytes[...], isBigEndian: true, file: file)
        case .latin1: return Self.decodeBytes(bytes) { UInt32($0) }
        case .windows1252: return Self.decodeBytes(bytes, Self.windows1252Scalar)
        }
    }

    /// Whether bytes that were taken for UTF-8 look like UTF-16 without its mark.
    static func looksLike16(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let sample = bytes.prefix(4096)
        let count = sample.count { $0 == 0 }
        return sample.count >= 4 && count * 3 > sample.count
    }

    /// Zeros at the even (0) or odd (1) places of the first bytes.
    private static func zeros(_ bytes: [UInt8], at parity: Int) -> Int {
        stride(from: parity, to: min(bytes.count, 4096), by: 2).count { bytes[$0] == 0 }
    }

    private static func decode16(
        _ bytes: ArraySlice<UInt8>, isBigEndian: Bool, file: String
    ) throws -> [UInt8] {
        func unit(_ index: Int) -> UInt32 {
            let (first, second) = (UInt32(bytes[index]), UInt32(bytes[index + 1]))
            return isBigEndian ? first << 8 | second : second << 8 | first
        }
        let end = bytes.endIndex - bytes.count % 2
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count / 2 + 16)
        var index = bytes.startIndex
        var isSound = end == bytes.endIndex
        while index < end, isSound {
            var scalar = unit(index)
            index += 2
            if (0xD800...0xDBFF).contains(scalar), index < end, (0xDC00...0xDFFF).contains(unit(index)) {
                scalar = 0x10000 + ((scalar - 0xD800) << 10) + (unit(index) - 0xDC00)
                index += 2
            }
            isSound = append(scalar, to: &result)
        }
        guard isSound else {
            throw ConfigurationError(
                path: file,
                problem: "is not UTF-16 text: byte \(index - bytes.startIndex) belongs to no character")
        }
        return result
    }

    /// Appends a scalar as UTF-8; false where the number is none.
    private static func append(_ value: UInt32, to result: inout [UInt8]) -> Bool {
        guard let scalar = Unicode.Scalar(value) else { return false }
        if value < 0x80 {
            result.append(UInt8(value))
        } else {
            result.append(contentsOf: UTF8.encode(scalar) ?? .init())
        }
        return true
    }

    private static func decodeBytes(_ bytes: [UInt8], _ scalar: (UInt8) -> UInt32) -> [UInt8] {
        guard bytes.contains(where: { $0 >= 0x80 }) else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + bytes.count / 8)
        for byte in bytes {
            if byte < 0x80 {
                result.append(byte)
            } else if let scalar = Unicode.Scalar(scalar(byte)) {
                result.append(contentsOf: UTF8.encode(scalar) ?? .init())
            }
        }
        return result
    }

    /// Windows-1252 above 0x7F (WHATWG Encoding Standard, index-windows-1252): Latin-1 but for 0x80 to 0x9F.
    private static func windows1252Scalar(_ byte: UInt8) -> UInt32 {
        let place = Int(byte) - 0x80
        return place < windows1252Table.count ? windows1252Table[place] : UInt32(byte)
    }

    private static let windows1252Table: [UInt32] = [
        0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152,
        0x8D, 0x017D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122,
        0x0161, 0x203A, 0x0153, 0x9D, 0x017E, 0x0178,
    ]
}
