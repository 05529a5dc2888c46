internal import Glibc

/// Times as people say them. Moments are seconds since 1970.
package enum SpokenTime {
    /// A time span in its largest whole unit, rounded down: `"12 seconds"`, `"1 minute"`, `"11 days"`, `"4 months"`.
    package static func span(seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e12 else { return "an unknown time" }
        let seconds = max(0, seconds)
        // A month is a twelfth of a year of 365.25 days. Days go on to 120, for a month says too little of what is due.
        let units: [(name: String, seconds: Double, from: Double)] = [
            ("year", 31_557_600, 2 * 31_557_600), ("month", 2_629_800, 120 * 86_400),
            ("day", 86_400, 86_400),
            ("hour", 3600, 3600), ("minute", 60, 60), ("second", 1, 1),
        ]
        guard let unit = units.first(where: { seconds >= $0.from }) else { return "less than a second" }
        let count = Int(seconds / unit.seconds)
        return "\(count) \(unit.name)\(count == 1 ? "" : "s")"
    }

    /// A moment seen from `now`: `"3 minutes ago"`, `"in 11 days"`, `"now"`.
    package static func relative(_ moment: Double, now: Double) -> String {
        let distance = moment - now
        if abs(distance) < 1 { return "now" }
        return distance > 0 ? "in \(span(seconds: distance))" : "\(span(seconds: -distance)) ago"
    }

    /// A moment in UTC to the minute, `"2026-11-27 09:15 UTC"`; `"?"` where no calendar has it.
    package static func absolute(_ moment: Double) -> String {
        guard moment.isFinite, abs(moment) < 1e11 else { return "?" }
        var (time, parts) = (time_t(moment.rounded(.down)), tm())
        guard gmtime_r(&time, &parts) != nil else { return "?" }
        var text = [CChar](repeating: 0, count: 64)
        let count = strftime(&text, text.count, "%Y-%m-%d %H:%M UTC", &parts)
        return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Both: `"in 11 days (2026-12-08 09:15 UTC)"`.
    package static func both(_ moment: Double, now: Double) -> String {
        "\(relative(moment, now: now)) (\(absolute(moment)))"
    }
}
