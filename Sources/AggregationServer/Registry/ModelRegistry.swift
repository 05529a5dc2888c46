internal import Cryptography
internal import Custody
internal import Foundation
internal import Ledger
internal import Operations
internal import Synchronization
internal import Transport

/// The registry of published models: versions of each task, labels on some of them, in signed lines; and the files of
/// those that have labels, for as long as they have them.
final class ModelRegistry: Sendable {
    /// A model that was published.
    struct Publication: Sendable {
        var task: String
        var run: String
        var round: Int
        /// Who submitted the run; nil: it is the server's own.
        var submitter: String?
        /// SHA-256 of the model's file.
        var modelDigest: String
        var epsilon: Double?
        var delta: Double?
        var ledger: LedgerHead?
        var figures: [String: Double] = [:]
    }

    private struct State {
        var log: SignedLog<RegistryEntry>
        var registry = RegistryState()
        /// The lines that say a version, and where a label is now, as they are in the file.
        var versionLines: [String: [String]] = [:]
        var labelLines: [String: [String: String]] = [:]

        /// What a line says. Throws ``RegistryViolation``.
        mutating func take(_ line: SignedLine<RegistryEntry>) throws(RegistryViolation) {
            try registry.apply(line.entry)
            switch line.entry {
            case .version(let version): versionLines[version.task, default: []].append(line.text)
            case .label(let label): labelLines[label.task, default: [:]][label.label] = line.text
            }
        }

        /// Writes an entry. Throws ``RegistryViolation`` or a storage `Failure`.
        mutating func write(_ entry: RegistryEntry) throws {
            try registry.check(entry)
            try take(log.append(entry, time: TaskLedger.now))
        }
    }

    /// The key that signs, in hexadecimal.
    let publicKey: String
    private let state: Mutex<State>
    private let files: LabelledFiles

    /// Opens the registry and verifies all of it. `folder` is the server's state directory, `modelPath` where a
    /// round's model lies while it is kept. Throws a storage
    /// `Failure`, one line that names the file, for one that was cut, emptied or edited.
    init(
        _ folder: String, key: LedgerKey,
        modelPath: @escaping @Sendable (_ run: String, _ round: Int) -> String
    ) throws {
        let place = SignedLog<RegistryEntry>.Place(
            name: LabelledModel.log, path: Self.path(in: folder), head: "\(folder)/registry.head")
        var read: [SignedLine<RegistryEntry>] = []
        var rules = RegistryState()
        let log = try SignedLog<RegistryEntry>(place, key: key) { line, _ in
            read.append(line)
            do {
                try rules.apply(line.entry)
                return nil
            } catch {
                return "against the rules: \(error)"
            }
        }
        var state = State(log: log)
        for line in read { try state.take(line) }
        files = try LabelledFiles("\(folder)/registry", modelPath: modelPath)
        publicKey = key.publicKey
        try files.keep(state.registry.labelled)
        self.state = Mutex(state)
    }

    /// The path of the registry in a server's state directory.
    static func path(in folder: String) -> String { "\(folder)/registry.jsonl" }

    // MARK: Changes

    /// Writes down a published model as its task's next version, and returns that. A round that has a version already is left
    /// as it is. Throws a storage `Failure`, also where that version is another model.
    @discardableResult
    func note(_ publication: Publication) throws -> ModelVersion {
        let bytes = files.bytes(run: publication.run, round: publication.round)
        return try state.withLock { state in
            if let known = state.registry.version(run: publication.run, round: publication.round) {
                guard known.modelDigest == publication.modelDigest else {
                    throw Failure(
                        .storage,
                        "\(state.log.place.path): round \(publication.round) of run \(publication.run) is "
                            + "version \(known.version) of \(known.task) with another model; restore state and registry from one backup"
                    )
                }
                return known
            }
            let version = ModelVersion(
                task: publication.task, version: state.registry.nextVersion(of: publication.task),
                run: publication.run, round: publication.round, submitter: publication.submitter,
                modelDigest: publication.modelDigest, bytes: bytes ?? 0, epsilon: publication.epsilon,
                delta: publication.delta, ledger: publication.ledger, figures: publication.figures)
            try state.write(.version(version))
            return version
        }
    }

    /// Why a label stays where it is.
    enum Obstacle: Error {
        case noSuchVersion
        case nothingBefore
        /// The version's file is not kept any more.
        case fileIsGone
    }

    /// Puts a label on a version, whose file is kept from then on. Throws ``Obstacle``, or a storage `Failure`.
    func promote(_ version: Int, of task: String, to label: String, actor: String) throws -> ModelVersion {
        try move(.promote, label, of: task, actor) { registry throws(Obstacle) in
            guard let found = registry.version(version, of: task) else { throw .noSuchVersion }
            return found
        }
    }

    /// Puts a label back on the version that had it before. Throws as ``promote(_:of:to:actor:)``.
    func rollBack(_ label: String, of task: String, actor: String) throws -> ModelVersion {
        try move(.rollback, label, of: task, actor) { registry throws(Obstacle) in
            guard let found = registry.version(before: label, of: task) else { throw .nothingBefore }
            return found
        }
    }

    private func move(
        _ move: RegistryEntry.Label.Move, _ label: String, of task: String, _ actor: String,
        choose: (RegistryState) throws(Obstacle) -> ModelVersion
    ) throws -> ModelVersion {
        // The file first, which may take its time to be verified: a label is never on a version without one.
        let chosen = try choose(state.withLock { $0.registry })
        guard try files.hold(chosen) else { throw Obstacle.fileIsGone }
        return try state.withLock { state in
            guard try choose(state.registry) == chosen else { throw Obstacle.nothingBefore }
            try state.write(
                .label(
                    RegistryEntry.Label(
                        task: task, label: label, version: chosen.version, move: move, actor: actor)))
            // One that is left over goes with the next change, or start.
            try? files.keep(state.registry.labelled)
            return chosen
        }
    }

    // MARK: Answers

    /// What there is.
    var contents: RegistryState { state.withLock { $0.registry } }

    /// The signed lines that put a label on its present version; nil where it is on none.
    func lines(labelled label: String, of task: String) -> (version: String, label: String)? {
        state.withLock { state in
            guard let version = state.registry.version(labelled: label, of: task),
                let line = state.labelLines[task]?[label]
            else { return nil }
            return (state.versionLines[task]?[version.version - 1] ?? "", line)
        }
    }

    /// The file of a version, mapped; nil where it is not kept.
    func file(of version: ModelVersion) -> SharedBuffer? { files.map(version) }
}
