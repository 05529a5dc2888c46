internal import Configuration
internal import Glibc
package import Operations

/// When the agent may work (`conditions` in the configuration).
package struct WorkConditions: Equatable, Sendable {
    package typealias Hours = DailyHours

    /// What the conditions look at.
    package struct Surroundings: Equatable, Sendable {
        /// Minutes after midnight, local time.
        package var minute: Int
        /// Mean number of running processes over the last minute; nil where the host does not tell.
        package var load: Double?
        /// Whether the host runs on mains power; nil where it does not tell.
        package var isOnMains: Bool?

        package init(minute: Int, load: Double? = nil, isOnMains: Bool? = nil) {
            self.minute = minute
            self.load = load
            self.isOnMains = isOnMains
        }
    }

    package var hours: Hours?
    package var loadAverageBelow: Double?
    package var needsMains: Bool

    package init(hours: Hours? = nil, loadAverageBelow: Double? = nil, needsMains: Bool = false) {
        self.hours = hours
        self.loadAverageBelow = loadAverageBelow
        self.needsMains = needsMains
    }

    /// Reads the section; absent means at any time. Throws ``ConfigurationError``.
    init(_ section: Section?) throws {
        self.init()
        guard let section else { return }
        hours = try Hours(section, "only_between")
        loadAverageBelow = try section.positive("load_average_below")
        needsMains = try section.bool("on_mains_power") ?? false
        try section.finish()
    }

    /// Why the agent must not work now, or nil when it may. What the host does not tell forbids nothing.
    package func obstacle(in surroundings: Surroundings) -> String? {
        if let hours, !hours.contains(surroundings.minute) { return "outside the hours of only_between" }
        if let loadAverageBelow, let load = surroundings.load, load >= loadAverageBelow {
            return "the load average is \(load), not below \(loadAverageBelow)"
        }
        if needsMains, surroundings.isOnMains == false { return "not on mains power" }
        return nil
    }

    /// What is asked of time and host, in one clause; nil where nothing is.
    package var summary: String? {
        let parts = [
            hours.map { "from \(DailyHours.text($0.from)) to \(DailyHours.text($0.to)) local time" },
            loadAverageBelow.map { "while the load average is below \($0)" },
            needsMains ? "on mains power" : nil,
        ].compactMap(\.self)
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}

extension WorkConditions.Surroundings {
    /// The host as it is now.
    package static var now: WorkConditions.Surroundings {
        var loads = [0.0]
        let known = getloadavg(&loads, 1) == 1
        return WorkConditions.Surroundings(
            minute: DailyHours.minuteNow, load: known ? loads[0] : nil,
            isOnMains: PowerSupply.isOnMains(in: "/sys/class/power_supply"))
    }
}

/// The kernel's list of power supplies (Documentation/ABI/testing/sysfs-class-power).
enum PowerSupply {
    /// Whether a mains supply is on line; nil where none is listed.
    static func isOnMains(in folder: String) -> Bool? {
        guard let directory = opendir(folder) else { return nil }
        defer { closedir(directory) }
        var answer: Bool?
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix("."), firstLine("\(folder)/\(name)/type") == "Mains" else { continue }
            answer = (answer ?? false) || firstLine("\(folder)/\(name)/online") == "1"
        }
        return answer
    }

    private static func firstLine(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count].prefix { $0 != 0x0A }, as: UTF8.self)
    }
}
