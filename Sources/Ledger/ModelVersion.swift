/// A version of a task's model in a registry: one published model, with what is known of it.
package struct ModelVersion: Hashable, Sendable {
    /// Name of the task.
    package var task: String
    /// 1 for the task's first, then one more each.
    package var version: Int
    /// Identity of the run, and its round.
    package var run: String
    package var round: Int
    /// Who submitted the run; nil: nobody, it is the server's own.
    package var submitter: String?
    /// SHA-256 of the model's file, 64 lower-case hexadecimal digits, and the file's bytes.
    package var modelDigest: String
    package var bytes: Int
    /// ε of all that the run released up to this model, and its δ; nil without privacy. Infinite where it is unbounded.
    package var epsilon: Double?
    package var delta: Double?
    /// The line of the run's ledger that released the model; nil where none did.
    package var ledger: LedgerHead?
    /// What the model achieved, by name, such as `accuracy`; no infinite number.
    package var figures: [String: Double]

    package init(
        task: String, version: Int, run: String, round: Int, submitter: String? = nil, modelDigest: String,
        bytes: Int, epsilon: Double? = nil, delta: Double? = nil, ledger: LedgerHead? = nil,
        figures: [String: Double] = [:]
    ) {
        self.task = task
        self.version = version
        self.run = run
        self.round = round
        self.submitter = submitter
        self.modelDigest = modelDigest
        self.bytes = bytes
        self.epsilon = epsilon
        self.delta = delta
        self.ledger = ledger
        self.figures = figures.filter { $0.value.isFinite }
    }

    /// The fields of its line, `kind` included.
    package var fields: [String: LedgerValue] {
        var fields: [String: LedgerValue] = [
            "kind": .string("version"), "task": .string(task), "version": .number(Double(version)),
            "run": .string(run), "round": .number(Double(round)), "model_sha256": .string(modelDigest),
            "bytes": .number(Double(bytes)), "figures": .object(figures.mapValues { .number($0) }),
        ]
        fields["submitter"] = submitter.map(LedgerValue.string)
        fields["epsilon"] = epsilon.map(LedgerValue.number)
        fields["delta"] = delta.map(LedgerValue.number)
        fields["ledger_line"] = ledger.map { .number(Double($0.sequence)) }
        fields["ledger_head"] = ledger.map { .string($0.hash) }
        return fields
    }

    /// Reads ``fields``; nil when one is missing, of another type or out of range.
    init?(fields: [String: LedgerValue]) {
        guard let task = fields["task"]?.string, let version = fields["version"]?.integer, version > 0,
            let run = fields["run"]?.string, let round = fields["round"]?.integer, round >= 0,
            let digest = fields["model_sha256"]?.string, Self.isDigest(digest),
            let bytes = fields["bytes"]?.integer, bytes >= 0, let figures = fields["figures"]?.object
        else { return nil }
        let numbers = figures.compactMapValues(\.number)
        guard numbers.count == figures.count else { return nil }
        var ledger: LedgerHead?
        if let line = fields["ledger_line"]?.integer, let hash = fields["ledger_head"]?.string {
            ledger = LedgerHead(sequence: line, hash: hash)
        }
        self.init(
            task: task, version: version, run: run, round: round, submitter: fields["submitter"]?.string,
            modelDigest: digest, bytes: bytes, epsilon: fields["epsilon"]?.number,
            delta: fields["delta"]?.number, ledger: ledger, figures: numbers)
    }

    /// Whether this is the text of a SHA-256: such a text names a file.
    private static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
