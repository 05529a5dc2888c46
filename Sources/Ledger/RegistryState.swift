/// Why a line may not follow the lines before it in a registry.
package enum RegistryViolation: Error, Hashable, CustomStringConvertible {
    case versionOutOfOrder(task: String, version: Int, expected: Int)
    case roundTwice(run: String, round: Int)
    case noSuchVersion(task: String, version: Int)
    case nothingBefore(task: String, label: String)
    case notTheOneBefore(task: String, label: String, version: Int)

    package var description: String {
        switch self {
        case .versionOutOfOrder(let task, let version, let expected):
            "version \(version) of \(task) where version \(expected) comes next"
        case .roundTwice(let run, let round): "round \(round) of run \(run) has a version already"
        case .noSuchVersion(let task, let version): "\(task) has no version \(version)"
        case .nothingBefore(let task, let label): "\(label) of \(task) was on no other version before"
        case .notTheOneBefore(let task, let label, let version):
            "\(label) of \(task) was not on version \(version) before"
        }
    }
}

/// What the lines of a registry amount to: the versions of each task, and where its labels are.
package struct RegistryState: Hashable, Sendable {
    /// Versions by task; the first is number 1.
    package private(set) var versions: [String: [ModelVersion]] = [:]
    /// By task and label the versions that had the label, the present one last; those that it went back from are gone.
    package private(set) var labels: [String: [String: [Int]]] = [:]

    private struct Round: Hashable {
        let run: String
        let round: Int
    }

    private var rounds: [Round: ModelVersion] = [:]

    package init() {}

    /// The version that a round of a run became; nil: none.
    package func version(run: String, round: Int) -> ModelVersion? { rounds[Round(run: run, round: round)] }

    /// A version by its number.
    package func version(_ number: Int, of task: String) -> ModelVersion? {
        guard let all = versions[task], (1...all.count).contains(number) else { return nil }
        return all[number - 1]
    }

    /// The number that the task's next version has.
    package func nextVersion(of task: String) -> Int { (versions[task]?.count ?? 0) + 1 }

    /// The version that has a label; nil: none.
    package func version(labelled label: String, of task: String) -> ModelVersion? {
        labels[task]?[label]?.last.flatMap { version($0, of: task) }
    }

    /// The version that had a label before; nil: none.
    package func version(before label: String, of task: String) -> ModelVersion? {
        labels[task]?[label]?.dropLast().last.flatMap { version($0, of: task) }
    }

    /// Versions whose files are kept for their labels: those that have one, and those that had it before them.
    package var labelled: [ModelVersion] {
        labels.flatMap { task, labels in
            labels.values.flatMap { $0.suffix(2) }.compactMap { version($0, of: task) }
        }
    }

    /// Throws ``RegistryViolation`` for an entry that may not follow the lines so far.
    package func check(_ entry: RegistryEntry) throws(RegistryViolation) {
        switch entry {
        case .version(let version):
            let expected = nextVersion(of: version.task)
            guard version.version == expected else {
                throw .versionOutOfOrder(task: version.task, version: version.version, expected: expected)
            }
            guard self.version(run: version.run, round: version.round) == nil else {
                throw .roundTwice(run: version.run, round: version.round)
            }
        case .label(let move):
            guard version(move.version, of: move.task) != nil else {
                throw .noSuchVersion(task: move.task, version: move.version)
            }
            guard move.move == .rollback else { return }
            guard let before = version(before: move.label, of: move.task) else {
                throw .nothingBefore(task: move.task, label: move.label)
            }
            guard before.version == move.version else {
                throw .notTheOneBefore(task: move.task, label: move.label, version: move.version)
            }
        }
    }

    /// Takes a line's entry. Throws ``RegistryViolation``, and then is as before.
    package mutating func apply(_ entry: RegistryEntry) throws(RegistryViolation) {
        try check(entry)
        switch entry {
        case .version(let version):
            rounds[Round(run: version.run, round: version.round)] = version
            versions[version.task, default: []].append(version)
        case .label(let move):
            var history = labels[move.task]?[move.label] ?? []
            switch move.move {
            case .promote: if history.last != move.version { history.append(move.version) }
            case .rollback: history.removeLast()
            }
            labels[move.task, default: [:]][move.label] = history
        }
    }
}
