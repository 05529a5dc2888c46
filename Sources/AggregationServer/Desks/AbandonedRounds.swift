/// Why rounds released nothing: their reasons and the failures that agents gave, counted, with what can be done.
struct AbandonedRounds: Equatable, Sendable {
    /// Rounds that were abandoned.
    private(set) var count = 0
    private var reasons: [String: Int] = [:]
    private var failures: [String: Int] = [:]

    /// Counts the rounds abandoned after the last that was published.
    init(since history: [RoundFile]) {
        for file in history.reversed().prefix(while: { $0.state == .abandoned }) {
            count += 1
            reasons[file.abandoned ?? "unknown", default: 0] += 1
            for (word, times) in file.failures { failures[word, default: 0] += times }
        }
    }

    /// One line for log, status and dashboard; nil where no round was abandoned.
    var text: String? {
        guard count > 0 else { return nil }
        var text = "\(count) \(count == 1 ? "round" : "rounds") abandoned in a row: " + Self.list(reasons)
        if failures.isEmpty {
            text += "; no agent said why: look at theirs, at their logs and at task.report_deadline"
        } else {
            text += "; agents gave up: " + Self.list(failures, advice: Self.advice)
        }
        return text
    }

    /// The most frequent first, at most four.
    private static func list(_ counts: [String: Int], advice: (String) -> String? = { _ in nil }) -> String {
        let ordered = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let named = ordered.prefix(4).map { word, times in
            "\(times) x \(word)" + (advice(word).map { " (\($0))" } ?? "")
        }
        return named.joined(separator: ", ") + (ordered.count > 4 ? ", and others" : "")
    }

    /// What to change where agents fail with a word.
    private static func advice(_ word: String) -> String? {
        switch word {
        case "training": "lower task.training.learning_rate"
        case "data", "schema": "the agents' logs say what does not fit the task"
        case "policy": "the agents' policies refuse the task"
        case "budget": "the agents' own privacy budgets are spent"
        case "conditions": "hours, load or power; the agents' files say when they may work"
        case "storage": "the agents' disks"
        case "busy": "the agents serve another run or round"
        case "dropped": "no message in time; lengthen task.report_deadline"
        default: "see the agents' logs"
        }
    }
}
