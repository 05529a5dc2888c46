internal import Privacy

/// What of a client's local work the server may see, beside the report.
extension TaskPlan {
    /// Whether nobody may see that local work failed: whatever happens to private data, the report that leaves is then
    /// one that a client without examples could have sent, noised as any other.
    package var hidesFailures: Bool { privacy != nil || example != nil }

    /// Whether nobody may see how long local work took: where the server is not trusted with the update, and where
    /// single records are protected from it.
    package var hidesTime: Bool {
        if example != nil { return true }
        switch configuration.privacy.mode {
        case .local, .distributed: return true
        case .central, .none: return false
        }
    }
}
