import Messages
import Testing

@Suite struct SafeTensorsTests {
    private let sample = SafeTensors(
        tensors: [
            .init(name: "0.weight", shape: [2, 3], values: [1, 2, 3, 4, 5, 6]),
            .init(name: "0.bias", shape: [2], values: [-0.5, 0.25]),
            .init(name: "empty", shape: [0], values: []),
        ],
        metadata: ["task": "a \"quoted\" \\ name\n", "round": "3"])

    private func read(_ bytes: [UInt8]) throws -> SafeTensors {
        try bytes.withUnsafeBytes { try SafeTensors(decoding: $0) }
    }

    private func file(header: String, data: [UInt8]) -> [UInt8] {
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8) + data
    }

    @Test func roundTrips() throws {
        let bytes = sample.encoded()
        let back = try read(bytes)
        #expect(Set(back.tensors.map(\.name)) == ["0.weight", "0.bias", "empty"])
        #expect(back.tensors.first { $0.name == "0.weight" } == sample.tensors[0])
        #expect(back.metadata == sample.metadata)
        #expect(sample.encoded() == bytes)
    }

    @Test func headAndValuesAreTheFile() {
        var bytes = SafeTensors.head(
            sample.tensors.map { ($0.name, $0.shape) }, metadata: sample.metadata)
        for tensor in sample.tensors { tensor.values.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        #expect(bytes == sample.encoded())
    }

    @Test func contentsAreWhereTheySay() throws {
        let bytes = sample.encoded()
        let contents = try bytes.withUnsafeBytes { try SafeTensorsContents(decoding: $0) }
        #expect(contents.metadata == sample.metadata)
        for tensor in sample.tensors {
            let place = try #require(contents.tensors.first { $0.name == tensor.name })
            #expect(place.shape == tensor.shape)
            #expect(place.width == 4)
            #expect(tensor.values.withUnsafeBytes { Array($0) } == Array(bytes[place.bytes]))
        }
        let wide = file(
            header: "{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}",
            data: withUnsafeBytes(of: 2.5) { Array($0) })
        let place = try wide.withUnsafeBytes { try SafeTensorsContents(decoding: $0).tensors[0] }
        #expect(place.width == 8 && place.bytes == wide.count - 8..<wide.count)
        #expect(try read(wide).tensors[0].values == [2.5])
    }

    /// A file's header with a line break before its padding, which no file of ours has: the same to every JSON reader.
    private func inOtherWords(_ bytes: [UInt8]) -> [UInt8] {
        let count = Int(bytes[..<8].reversed().reduce(0) { $0 << 8 | UInt64($1) })
        let header = Array(bytes[8..<8 + count])
        return withUnsafeBytes(of: UInt64(count + 1).littleEndian) { Array($0) } + header + [0x0A]
            + bytes[(8 + count)...]
    }

    /// Headers of ours are read by a reader of their own: it must say what the one for all headers says.
    @Test(arguments: [
        "plain", "with \"quotes\" and \\", "\\\"", "\u{1}\n", "é😀/", "\\u0041", "", "__metadata", "dtype",
    ]) func ownHeadersAreReadAsAllAre(name: String) throws {
        let file = SafeTensors(
            tensors: [
                .init(name: name, shape: [], values: [1]), .init(name: "b", shape: [2, 0, 10], values: []),
            ],
            metadata: [name: name + name, "x": "{\"y\":[1,2]}"])
        for file in [
            file, SafeTensors(tensors: file.tensors), SafeTensors(tensors: [], metadata: ["a": "b"]),
        ] {
            let bytes = file.encoded()
            #expect(try read(bytes).metadata == file.metadata)
            #expect(try read(bytes) == read(inOtherWords(bytes)))
        }
    }

    /// Found by fuzzing: numbers of any length are refused, in every place where one stands.
    @Test(arguments: 17...40) func numbersOfAnyLengthAreRefused(digits: Int) {
        let number = String(repeating: "9", count: digits)
        for header in [
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[\(number)],\"data_offsets\":[0,4]}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,\(number)]}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[\(number)]}}",
        ] {
            #expect(throws: SafeTensorsError.self) { try read(file(header: header, data: [0, 0, 0, 0])) }
        }
    }

    @Test func damagedHeadersAreReadOrRefusedAsAllAre() {
        let bytes = sample.encoded()
        let header = 8..<bytes.count - 32
        for place in header {
            for byte in [0x00, 0x20, 0x22, 0x2C, 0x30, 0x31, 0x2D, 0x5C, 0x5D, 0x7B, 0x7D, 0xFF] as [UInt8] {
                var damaged = bytes
                damaged[place] = byte
                #expect((try? read(damaged)) == (try? read(inOtherWords(damaged))), "\(place): \(byte)")
            }
        }
    }

    @Test func goldenBytes() {
        let tiny = SafeTensors(tensors: [.init(name: "a", shape: [1], values: [1])])
        let header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
        let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        #expect(tiny.encoded() == file(header: padded, data: [0, 0, 0x80, 0x3F]))
    }

    @Test func refusesEveryTruncation() {
        let bytes = sample.encoded()
        for length in 0..<bytes.count {
            #expect(throws: SafeTensorsError.self) { try read(Array(bytes[..<length])) }
        }
        #expect(throws: SafeTensorsError.self) { try read(bytes + [0]) }
    }

    @Test(arguments: [
        "[]", "{\"a\":1}", "{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,9999999]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"__metadata__\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"x\":\"y\"}}", "{\"a\":", "",
    ])
    func refusesMalformedHeaders(header: String) {
        #expect(throws: SafeTensorsError.self) { try read(file(header: header, data: [0, 0, 0, 0])) }
    }

    /// 1, -2, 0.5 and the largest half: exact in every type.
    @Test(
        arguments: [
            ("F16", [0x00, 0x3C, 0x00, 0xC0, 0x00, 0x38, 0xFF, 0x7B], 65504),
            ("BF16", [0x80, 0x3F, 0x00, 0xC0, 0x00, 0x3F, 0x7F, 0x47], 65280),
        ] as [(String, [UInt8], Float)])
    func halvesAreRead(kind: String, data: [UInt8], last: Float) throws {
        let bytes = file(
            header: "{\"a\":{\"dtype\":\"\(kind)\",\"shape\":[2,2],\"data_offsets\":[0,8]}}", data: data)
        let tensor = try read(bytes).tensors[0]
        #expect(tensor.values == [1, -2, 0.5, last] && tensor.shape == [2, 2])
    }

    @Test func otherTypesArePassedOverWhereAskedFor() throws {
        let bytes = file(
            header:
                "{\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
            data: [UInt8](repeating: 0, count: 12))
        #expect(throws: SafeTensorsError.self) { try read(bytes) }
        let found = try bytes.withUnsafeBytes { try SafeTensors(decoding: $0, passesOverOthers: true) }
        #expect(found.tensors.map(\.name) == ["a"])
        #expect(found.passedOver == [.init(name: "n", type: "I64")])
    }

    @Test func refusesAnAbsurdHeaderLength() {
        let bytes = [UInt8](repeating: 0xFF, count: 8) + [0x7B, 0x7D]
        #expect(throws: SafeTensorsError.self) { try read(bytes) }
    }
}
