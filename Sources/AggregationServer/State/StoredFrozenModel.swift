internal import Transport

/// The file of the parameters that nobody trains, mapped: agents are sent it from there.
struct StoredFrozenModel: Sendable {
    /// SHA-256 of the file.
    let digest: String
    /// The file.
    let buffer: SharedBuffer
}
