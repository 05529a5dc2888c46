package import Configuration
internal import Glibc

/// A span of the day in minutes after midnight, local time; past midnight where it ends before it begins.
package struct DailyHours: Equatable, Sendable {
    package var from: Int
    package var to: Int

    package init(from: Int, to: Int) {
        self.from = from
        self.to = to
    }

    /// Reads two times such as `["22:00", "06:30"]` under `key`; nil where it is absent. Throws ``ConfigurationError``.
    package init?(_ section: Section, _ key: String) throws {
        guard let times = try section.list(key) else { return nil }
        let minutes = times.compactMap { item -> Int? in
            if case .string(let text) = item { Self.minute(text) } else { nil }
        }
        guard times.count == 2, minutes.count == 2, minutes[0] != minutes[1] else {
            throw section.error(key, "must be two times such as [\"22:00\", \"06:30\"]")
        }
        self.init(from: minutes[0], to: minutes[1])
    }

    /// Whether a minute of the day lies in the span.
    package func contains(_ minute: Int) -> Bool {
        from <= to ? (from..<to).contains(minute) : minute >= from || minute < to
    }

    /// The minute of the day now, local time.
    package static var minuteNow: Int {
        var clock = time(nil)
        var parts = tm()
        localtime_r(&clock, &parts)
        return Int(parts.tm_hour) * 60 + Int(parts.tm_min)
    }

    private static func minute(_ text: String) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.count == 2 }), let hour = Int(parts[0]),
            let minute = Int(parts[1]), (0...23).contains(hour), (0...59).contains(minute)
        else { return nil }
        return hour * 60 + minute
    }
}

extension DailyHours: CustomStringConvertible {
    /// As it is written: `22:00-06:30`.
    package var description: String { "\(Self.text(from))-\(Self.text(to))" }

    /// A minute of the day as it is written, `22:00`.
    package static func text(_ minute: Int) -> String {
        func digits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(digits(minute / 60)):\(digits(minute % 60))"
    }
}
