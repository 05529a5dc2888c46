internal import Configuration
internal import Operations
internal import Transport

/// Bytes a second that the agent's reports and models may take of the line (`bandwidth` in the configuration).
package struct BandwidthLimits: Equatable, Sendable {
    /// Bytes a second in each direction; nil where nothing bounds them.
    package struct Limits: Equatable, Sendable {
        package var up: Double?
        package var down: Double?

        package init(up: Double? = nil, down: Double? = nil) {
            self.up = up
            self.down = down
        }
    }

    /// Limits of some hours of the day.
    package struct Span: Equatable, Sendable {
        package var hours: WorkConditions.Hours
        package var limits: Limits
    }

    package var always: Limits
    /// The first that has the hour counts.
    package var between: [Span]

    /// Fewest bytes a second: servers give up on bodies that are much slower.
    static let least = 1000.0

    /// Reads the section; absent means no limits. Throws ``ConfigurationError``.
    init(_ section: Section?) throws {
        always = try section.map(Self.limits) ?? Limits()
        between = []
        guard let section else { return }
        for (index, item) in (try section.list("between") ?? []).enumerated() {
            let span = try Section(item, path: "\(section.path).between[\(index)]")
            guard let hours = try WorkConditions.Hours(span, "hours") else {
                throw span.error("hours", "is missing: two times such as [\"08:00\", \"18:00\"]")
            }
            between.append(Span(hours: hours, limits: try Self.limits(span)))
            try span.finish()
        }
        try section.finish()
    }

    /// What holds at a minute of the day. What a span leaves out is as at other hours.
    package func limits(at minute: Int) -> Limits {
        guard let span = between.first(where: { $0.hours.contains(minute) }) else { return always }
        return Limits(up: span.limits.up ?? always.up, down: span.limits.down ?? always.down)
    }

    /// The pace of a client that keeps to the limits; nil where there are none.
    var pace: TransferPace? {
        guard self.always != Limits() || !between.isEmpty else { return nil }
        return TransferPace(
            up: { limits(at: DailyHours.minuteNow).up },
            down: { limits(at: DailyHours.minuteNow).down })
    }

    private static func limits(_ section: Section) throws -> Limits {
        Limits(up: try rate(section, "up"), down: try rate(section, "down"))
    }

    private static let units: KeyValuePairs = [
        "B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1024.0, "MiB": 1_048_576.0, "GiB": 1_073_741_824.0,
    ]

    private static func rate(_ section: Section, _ key: String) throws -> Double? {
        guard let text = try section.string(key) else { return nil }
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].hasSuffix("/s"), let number = Double(parts[0]), number.isFinite,
            let unit = units.first(where: { $0.key == parts[1].dropLast(2) })?.value,
            (least...1e15).contains(number * unit)
        else {
            throw section.error(
                key, "must be bytes a second such as \"2 MB/s\" or \"200 kB/s\", at least \"1 kB/s\"")
        }
        return number * unit
    }
}
