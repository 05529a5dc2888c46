/// Which tasks this agent's data and trainer were found to fit.
///
/// Each verdict shows: an agent that does not fit takes no part. It is therefore asked for once a task, before any
/// of its rounds, and for few tasks a day, so that a server learns nothing by offering one made-up task after
/// another.
struct Suitability {
    /// What was found.
    enum Verdict {
        case suitable
        /// Why not, and whether that was not found the last time.
        case unsuitable(any Error, isNews: Bool)
        case tooManyTasks
    }

    /// Tasks that are examined within a day.
    static let tasksADay = 16

    /// When each task was examined first, in seconds since 1970.
    private var examined: [String: Int] = [:]
    private var suitable: Set<String> = []
    /// What was found last, of each task.
    private var problems: [String: String] = [:]

    /// The verdict on a task, at `now` in seconds since 1970; `examine` throws why it cannot be served, and is called only where that is not known.
    mutating func verdict(_ task: String, at now: Int, _ examine: () throws -> Void) -> Verdict {
        if suitable.contains(task) { return .suitable }
        examined = examined.filter { $0.value > now - 86_400 }
        guard examined[task] != nil || examined.count < Self.tasksADay else { return .tooManyTasks }
        examined[task] = examined[task] ?? now
        do {
            try examine()
        } catch {
            let text = "\(error)"
            if problems.count > Self.tasksADay { problems = [:] }
            defer { problems[task] = text }
            return .unsuitable(error, isNews: text != problems[task])
        }
        suitable.insert(task)
        problems[task] = nil
        return .suitable
    }
}
