internal import Federation

/// Who was in which charged rounds, as a checkpoint says it: `client:last:count` for every client that was in any.
enum AttendanceText {
    private static let key = "attendance"

    /// Nothing where nobody is counted.
    static func metadata(_ attendance: Attendance) -> [String: String] {
        guard !attendance.records.isEmpty else { return [:] }
        let words = attendance.records.sorted { $0.key < $1.key }.map {
            "\($0.key):\($0.value.last):\($0.value.count)"
        }
        return [key: words.joined(separator: " ")]
    }

    /// Reads it back; nil for what cannot be after so many charged rounds. Where nothing is said nobody was in any.
    static func read(_ metadata: [String: String], charged: Int) -> Attendance? {
        var records: [Int: Attendance.Record] = [:]
        for word in (metadata[key] ?? "").split(separator: " ") {
            let numbers = word.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
            guard numbers.count == 3, let client = numbers[0], let last = numbers[1], let count = numbers[2],
                client >= 0, last >= 1, last <= charged, count >= 1, count <= last,
                records.updateValue(.init(last: last, count: count), forKey: client) == nil
            else { return nil }
        }
        return Attendance(records)
    }
}
