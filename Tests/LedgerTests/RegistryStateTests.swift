import Testing

@testable import Ledger

@Suite("The rules of a registry of models") struct RegistryStateTests {
    private static let digest = String(repeating: "a", count: 64)

    private func version(_ number: Int, _ task: String = "digits", round: Int? = nil) -> RegistryEntry {
        .version(
            ModelVersion(
                task: task, version: number, run: "run-\(task)", round: round ?? number, submitter: "rita",
                modelDigest: Self.digest, bytes: 10, epsilon: .infinity, delta: 1e-5,
                ledger: LedgerHead(sequence: 3, hash: Self.digest), figures: ["accuracy": 0.5]))
    }

    private func label(
        _ version: Int, _ move: RegistryEntry.Label.Move = .promote, _ label: String = "production",
        of task: String = "digits"
    ) -> RegistryEntry {
        .label(.init(task: task, label: label, version: version, move: move, actor: "otto"))
    }

    private func state(_ entries: [RegistryEntry]) throws -> RegistryState {
        var state = RegistryState()
        for entry in entries { try state.apply(entry) }
        return state
    }

    @Test func labelsGoForwardAndBack() throws {
        var state = try state((1...4).map { version($0) } + [label(1), label(3), label(3), label(4)])
        #expect(state.version(labelled: "production", of: "digits")?.version == 4)
        #expect(state.labelled.map(\.version).sorted() == [3, 4])
        try state.apply(label(3, .rollback))
        #expect(state.version(labelled: "production", of: "digits")?.version == 3)
        #expect(state.labelled.map(\.version).sorted() == [1, 3])
        try state.apply(label(1, .rollback))
        #expect(state.version(labelled: "production", of: "digits")?.version == 1)
        #expect(throws: RegistryViolation.self) { try state.apply(label(1, .rollback)) }
        #expect(state.version(labelled: "production", of: "other") == nil)
        #expect(state.version(labelled: "staging", of: "digits") == nil)
    }

    @Test func whatBreaksTheRulesChangesNothing() throws {
        let begun = try state([version(1), version(2), version(1, "other"), label(1), label(2)])
        let broken = [
            version(2), version(4), version(3, round: 2), label(3), label(0), label(-1), label(2, .rollback),
            label(1, .rollback, "staging"), label(2, of: "other"), label(1, of: "nothing"),
        ]
        for entry in broken {
            var state = begun
            #expect(throws: RegistryViolation.self) { try state.apply(entry) }
            #expect(state == begun)
        }
    }

    @Test func entriesReadBackAsTheyWere() throws {
        let bare = RegistryEntry.version(
            ModelVersion(task: "t", version: 1, run: "r", round: 0, modelDigest: Self.digest, bytes: 0))
        for entry in [version(7), bare, label(1), label(2, .rollback)] {
            #expect(RegistryEntry(fields: entry.fields) == entry)
            for key in entry.fields.keys
            where !["submitter", "epsilon", "delta", "ledger_line", "ledger_head"].contains(key) {
                var fields = entry.fields
                fields[key] = nil
                #expect(RegistryEntry(fields: fields) == nil, "\(key)")
            }
        }
        // A digest names a file.
        for digest in ["../../../etc/passwd", String(repeating: "A", count: 64), "", "ab"] {
            var fields = version(1).fields
            fields["model_sha256"] = .string(digest)
            #expect(RegistryEntry(fields: fields) == nil)
        }
    }
}
