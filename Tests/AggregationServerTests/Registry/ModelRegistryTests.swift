import Cryptography
import Custody
import Foundation
import Ledger
import Operations
import TestSupport
import Testing
import Transport

@testable import AggregationServer

@Suite struct ModelRegistryTests {
    private let state: StateDirectory
    private let key: LedgerKey

    init() throws {
        state = try StateDirectory(try TemporaryFolders.make("registry"))
        key = try state.signingKey.make()
    }

    private func opened() throws -> ModelRegistry {
        try ModelRegistry(state.path, key: key) { [state] _, round in state.modelPath(round) }
    }

    private func publication(_ round: Int, submitter: String? = nil) throws -> ModelRegistry.Publication {
        let model = Array("model \(round)".utf8)
        try AtomicFile.write(model, to: state.modelPath(round))
        return ModelRegistry.Publication(
            task: "digits", run: "r", round: round, submitter: submitter,
            modelDigest: try SHA256.text(of: model), epsilon: 1, delta: 1e-5, figures: ["accuracy": 0.5])
    }

    private var kept: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: "\(state.path)/registry").sorted() }
    }

    private func name(_ round: Int) throws -> String {
        try SHA256.text(of: Array("model \(round)".utf8)) + ".safetensors"
    }

    @Test func aRoundIsNotedOnce() throws {
        let registry = try opened()
        for round in [3, 5, 3, 5] { _ = try registry.note(publication(round)) }
        #expect(registry.contents.versions["digits"]?.map(\.round) == [3, 5])
        #expect(registry.contents.versions["digits"]?.map(\.bytes) == [7, 7])
        var other = try publication(5)
        other.modelDigest = String(repeating: "0", count: 64)
        let failure = try #require(throws: Failure.self) { try registry.note(other) }
        #expect(failure.exitCode == .storage)
        let again = try opened()
        #expect(again.contents == registry.contents)
    }

    /// A label's file outlives the run's own, and one rollback finds its file whatever became of the run's.
    @Test func aLabelKeepsItsFile() throws {
        let registry = try opened()
        for round in 1...4 { _ = try registry.note(publication(round)) }
        #expect(try registry.promote(1, of: "digits", to: "production", actor: "otto").round == 1)
        #expect(try registry.promote(3, of: "digits", to: "production", actor: "otto").round == 3)
        #expect(try kept == [name(1), name(3)].sorted())
        for round in 1...4 { try AtomicFile.remove(state.modelPath(round)) }
        #expect(throws: ModelRegistry.Obstacle.fileIsGone) {
            try registry.promote(4, of: "digits", to: "production", actor: "otto")
        }
        let version = try #require(registry.contents.version(labelled: "production", of: "digits"))
        #expect(version.round == 3)
        #expect(registry.file(of: version).map { Array($0.bytes) } == Array("model 3".utf8))
        #expect(try registry.rollBack("production", of: "digits", actor: "otto").round == 1)
        #expect(try kept == [name(1)])
        #expect(throws: ModelRegistry.Obstacle.nothingBefore) {
            try registry.rollBack("production", of: "digits", actor: "otto")
        }
        #expect(throws: ModelRegistry.Obstacle.noSuchVersion) {
            try registry.promote(5, of: "digits", to: "production", actor: "otto")
        }
        let again = try opened()
        #expect(again.contents == registry.contents)
        #expect(try kept == [name(1)])
    }

    @Test func anotherFileInTheModelsPlaceIsNotPromoted() throws {
        let registry = try opened()
        _ = try registry.note(publication(1))
        try AtomicFile.write(Array("model X".utf8), to: state.modelPath(1))
        #expect(throws: ModelRegistry.Obstacle.fileIsGone) {
            try registry.promote(1, of: "digits", to: "production", actor: "otto")
        }
        #expect(registry.contents.labels.isEmpty)
        #expect(try kept.isEmpty)
    }

    /// What follows a label believes the registry's lines, and no other: not of another key, label or task, and none that
    /// was changed.
    @Test func aLabelIsProvedByItsLines() throws {
        let registry = try opened()
        for round in 1...2 { _ = try registry.note(publication(round)) }
        _ = try registry.promote(1, of: "digits", to: "production", actor: "otto")
        let old = try #require(registry.lines(labelled: "production", of: "digits"))
        _ = try registry.promote(2, of: "digits", to: "production", actor: "otto")
        let new = try #require(registry.lines(labelled: "production", of: "digits"))
        func read(_ version: String, _ label: String, key: String? = nil) -> LabelledModel? {
            LabelledModel(
                versionLine: version, labelLine: label, publicKey: key ?? registry.publicKey)
        }
        let model = try #require(read(new.version, new.label))
        #expect(model.version.version == 2 && model.label.label == "production")
        // An answer of before is sound, and known for old by its number.
        #expect(try #require(read(old.version, old.label)).sequence < model.sequence)
        #expect(read(old.version, new.label) == nil && read(new.version, old.label) == nil)
        #expect(read(new.label, new.version) == nil && read(new.version, new.version) == nil)
        let other = try LedgerKeyFile("\(state.path)/other").make()
        #expect(read(new.version, new.label, key: other.publicKey) == nil)
        for index in new.label.utf8.indices {
            var bytes = Array(new.label.utf8)
            bytes[new.label.utf8.distance(from: new.label.startIndex, to: index)] ^= 1
            #expect(read(new.version, String(decoding: bytes, as: UTF8.self)) == nil)
        }
    }

    @Test func aRegistryThatWasCutIsTold() throws {
        let registry = try opened()
        for round in 1...2 { _ = try registry.note(publication(round)) }
        let whole = try #require(try StoredFile.bytes(at: ModelRegistry.path(in: state.path)))
        let lines = whole.split(separator: 0x0A).map { Array($0 + [0x0A]) }
        for damaged in [[], lines[0], lines[1], lines[1] + lines[0], lines[0] + lines[0]] {
            try AtomicFile.write(damaged, to: ModelRegistry.path(in: state.path))
            let failure = try #require(throws: Failure.self) { try opened() }
            #expect(
                failure.exitCode == .storage && failure.message.hasPrefix(ModelRegistry.path(in: state.path)),
                "\(failure)")
        }
        try AtomicFile.write(whole, to: ModelRegistry.path(in: state.path))
        #expect(try opened().contents.versions["digits"]?.count == 2)
    }
}
