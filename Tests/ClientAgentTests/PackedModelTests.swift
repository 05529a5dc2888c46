import Configuration
import Cryptography
import Federation
import Messages
import Synchronization
import Transport
import Testing

@testable import ClientAgent

/// Models that travel in few bits, and what an agent does where they do not.
@Suite struct PackedModelTests {
    @Test func packedModelsAreTakenWhereTheyAreTheAnnouncedFiles() throws {
        let authority = try TestAuthority()
        let federation = try TestFederation(authority)
        defer { federation.shutdown() }
        _ = try TestTask(folder: authority.folder)
        let link = try TestAgent(federation).link()
        let section = try Section(JSONValue(json5: "{bits: 4}".utf8, source: "t"), path: "download")
        let grid = try ModelGrid(section)
        // Seven steps are the greatest multiple of four bits.
        let parameters = (0..<300).map { Float($0 % 15 - 7) * 0.25 }
        let file = [2, 0, 0, 0, 0, 0, 0, 0, 7, 8] + parameters.withUnsafeBytes { Array($0) }
        let packed = try #require(file.withUnsafeBytes { PackedModel.pack($0, on: grid, count: 300) })
        let model = RoundOffer.ModelReference(
            round: 3, sha256: try SHA256.text(of: file), bytes: file.count)
        #expect(try link.packed(model, on: grid) == nil)
        federation.state.withLock { $0.packedModels[3] = packed }
        let taken = try #require(try link.packed(model, on: grid))
        withExtendedLifetime(taken) { #expect(Array(taken.bytes) == file) }
        #expect(try link.packed(model, on: nil) == nil)
        for bytes in [Array(packed.dropLast()), packed.dropLast() + [packed[packed.count - 1] ^ 1], []] {
            federation.state.withLock { $0.packedModels[3] = bytes }
            #expect(try link.packed(model, on: grid) == nil)
        }
    }
}
