internal import Foundation
internal import Operations

/// Notices when an agent has not come for days, also over restarts: `seen.json` in the state directory says when each came
/// last. For the thread of the run's host only.
final class AbsenceWatch {
    /// What is known of one agent.
    struct Sighting {
        let name: String
        /// Seconds since 1970 of its first check-in.
        let registered: Double
        /// Of its last one in this process; nil where it did not come.
        let lastSeen: Double?
    }

    private struct Record: Codable {
        static let currentVersion = 1
        var version = Self.currentVersion
        /// By name, seconds since 1970.
        var seen: [String: Double] = [:]
        /// Those that were said to be gone, and when each had come last then; nil in files of before.
        var told: [String: Double]?
    }

    /// Seconds between two looks.
    private static let interval = 600.0

    private let path: String
    private let days: Double
    private var record: Record
    private var nextLook = -Double.infinity

    /// Reads what the process before knew. Throws a storage `Failure` where that is damaged, or of a later version.
    init(path: String, days: Double) throws {
        self.path = path
        self.days = days
        guard let bytes = try StoredFile.bytes(at: path, limit: 256 << 20) else {
            record = Record()
            return
        }
        guard let read = try? JSONDecoder().decode(Record.self, from: Data(bytes)),
            read.seen.values.allSatisfy(\.isFinite)
        else {
            throw Failure(.storage, "\(path): is damaged; remove it: agents count as seen from then on")
        }
        guard read.version == Record.currentVersion else {
            throw Failure(
                .storage,
                "\(path): its form is version \(read.version), which this program does not know; start the later program"
            )
        }
        record = read
    }

    /// Those that have been gone for so long and were not said to be, each with when it came last. Looks every ten minutes at
    /// most; `sightings` is asked only then. Throws a storage `Failure` where what is known cannot be kept.
    func look(at now: Double, _ sightings: () -> [Sighting]) throws -> [(name: String, lastSeen: Double)] {
        guard now >= nextLook else { return [] }
        nextLook = now + Self.interval
        var seen: [String: Double] = [:]
        for sighting in sightings() {
            // An agent of whom nothing is known may have come a moment before this process began.
            let known = record.seen[sighting.name].map { min($0, now) } ?? now
            seen[sighting.name] = max(known, sighting.lastSeen ?? sighting.registered)
        }
        let gone = seen.filter { now - $0.value >= days * 86_400 }
        let news = gone.filter { record.told?[$0.key] != $0.value }
        if seen != record.seen || !news.isEmpty || record.told?.count ?? 0 != gone.count {
            (record.seen, record.told) = (seen, gone)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            try AtomicFile.write(Array(try encoder.encode(record)), to: path, mode: 0o600, syncsFolder: false)
        }
        return news.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
