internal import Foundation
internal import Glibc
internal import Synchronization

/// Folders of which no test knows that it was the last to use them: they go when the process ends.
package enum TemporaryFolders {
    private static let paths = Mutex<[String]>([])

    /// Removes all folders when the process ends; made once.
    private static let removal: Void = {
        atexit {
            for path in TemporaryFolders.paths.withLock({ $0 }) {
                try? FileManager.default.removeItem(atPath: path)
            }
        }
    }()

    /// A new folder in the temporary one, whose name begins with `name`.
    package static func make(_ name: String) throws -> String {
        let path = NSTemporaryDirectory() + "\(name)-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        _ = removal
        paths.withLock { $0.append(path) }
        return path
    }
}
