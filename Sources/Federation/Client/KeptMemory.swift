internal import Compute
internal import Configuration
internal import Cryptography
package import Learning

/// What an agent keeps between rounds as a file: text of one line after its digest's, then the values as they lie in memory.
///
/// `DIGEST\n` over all that follows, `sordino-memory VERSION RUN NAME:COUNT,… ROUND\n`, values in 32 bits, little-endian.
package struct KeptMemory: Sendable {
    /// Why bytes are no such file.
    package enum Problem: Error, Equatable {
        /// The bytes do not have the digest that they state.
        case damaged
        /// They are something else.
        case foreign
        /// A later version of this program wrote them.
        case newer(Int)
    }

    private static let version = 1

    /// Identity of the run, and its round that left the values.
    package let run: String
    package let round: Int
    package let vectors: [ClientMemoryVector]
    /// Where the values lie in the bytes, all finite.
    private let values: ArraySlice<UInt8>

    /// Reads a file. Throws ``Problem``, or what hashing throws.
    package init(_ bytes: [UInt8]) throws {
        // The digest's line comes first, then the head.
        guard bytes.count > 65, bytes[64] == 0x0A else { throw Problem.foreign }
        guard try SHA256.text(of: Array(bytes[65...])).utf8.elementsEqual(bytes[..<64]) else {
            throw Problem.damaged
        }
        let rest = bytes[65...]
        guard let end = rest.prefix(Self.headLimit).firstIndex(of: 0x0A) else { throw Problem.foreign }
        let words = String(decoding: rest[..<end], as: UTF8.self).split(separator: " ")
        guard words.count == 5, words[0] == "sordino-memory", let version = Int(words[1]) else {
            throw Problem.foreign
        }
        guard version <= Self.version else { throw Problem.newer(version) }
        guard let round = Int(words[4]), let vectors = Self.vectors(words[3]) else { throw Problem.foreign }
        (self.run, self.round, self.vectors) = (String(words[2]), round, vectors)
        values = rest[(end + 1)...]
        // Counts are bounded, so that their sum is a number.
        guard values.count == 4 * vectors.reduce(0, { $0 + $1.count }), isFinite else {
            throw Problem.foreign
        }
    }

    /// The bytes of a file of what a memory holds after a round.
    package static func encode(run: String, round: Int, _ memory: ClientMemory) throws -> [UInt8] {
        var content = Array("sordino-memory \(version) \(run) \(text(memory.vectors)) \(round)\n".utf8)
        content += UnsafeRawBufferPointer(memory.values)
        return Array("\(try SHA256.text(of: content))\n".utf8) + content
    }

    /// Copies all values into a memory of the same vectors.
    package func load(into memory: ClientMemory) {
        precondition(memory.vectors == vectors, "the memory of another task")
        values.withUnsafeBytes { UnsafeMutableRawBufferPointer(memory.values).copyMemory(from: $0) }
    }

    /// Bytes of a file of so many values and names, at most.
    package static func byteLimit(_ vectors: [ClientMemoryVector]) -> Int {
        headLimit + 4 * vectors.reduce(0) { $0 + $1.count }
    }

    private static let headLimit = 4096

    private static func text(_ vectors: [ClientMemoryVector]) -> String {
        vectors.map { "\($0.name):\($0.count)" }.joined(separator: ",")
    }

    private static func vectors(_ text: Substring) -> [ClientMemoryVector]? {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let vectors = parts.compactMap { part -> ClientMemoryVector? in
            let words = part.split(separator: ":", omittingEmptySubsequences: false)
            guard words.count == 2, !words[0].isEmpty, let count = Int(words[1]),
                (0...1 << 40).contains(count)
            else { return nil }
            return ClientMemoryVector(name: String(words[0]), count: count)
        }
        return vectors.count == parts.count ? vectors : nil
    }

    private var isFinite: Bool {
        values.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).allSatisfy {
                bytes.loadUnaligned(fromByteOffset: $0, as: Float.self).isFinite
            }
        }
    }
}

extension OwnModel {
    /// All parameters of the model that the client of a file would use, from what was published. Throws
    /// ``ConfigurationError`` where the bytes are no such file or its client kept nothing for this model.
    package static func personal(
        _ model: Model, published: [Float], file bytes: [UInt8], path: String
    ) throws -> [Float] {
        func refuse(_ problem: String) -> ConfigurationError {
            ConfigurationError(path: path, problem: problem)
        }
        let kept: KeptMemory
        do {
            kept = try KeptMemory(bytes)
        } catch KeptMemory.Problem.damaged {
            throw refuse("damaged: its bytes do not have its digest; take it from the agent's state again")
        } catch KeptMemory.Problem.newer(let version) {
            throw refuse("is of version \(version), which a later version of this program wrote")
        } catch KeptMemory.Problem.foreign {
            throw refuse("is not what an agent keeps: name the file memory/RUN.kept of its state directory")
        }
        let content: OwnContent = model.localLayout.count > 0 ? .localParameters : .personalModel
        let wanted = content == .localParameters ? model.localLayout.count : model.layout.count
        guard let vector = kept.vectors.first(where: { $0.name == content.rawValue }), vector.count == wanted,
            kept.vectors.contains(OwnContent.markVector)
        else {
            throw refuse("holds nothing that a client kept for this model: it is of another task")
        }
        let memory = ClientMemory(kept.vectors)
        kept.load(into: memory)
        guard memory[OwnContent.markVector.name][0] != 0 else {
            throw refuse("is of an agent that has not had a round of this task yet")
        }
        let own = Array(memory[content.rawValue])
        return content == .localParameters ? published + own : own
    }
}
