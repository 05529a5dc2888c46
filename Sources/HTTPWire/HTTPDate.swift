/// IMF-fixdate, the one date form of RFC 9110, section 5.6.7, that is still written. The two obsolete forms are
/// not read.
package enum HTTPDate {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `seconds` since 1970 (from 0 to the year 9999) as in "Sun, 06 Nov 1994 08:49:37 GMT".
    package static func format(_ seconds: Int64) -> String {
        let seconds = min(max(0, seconds), 253_402_300_799)
        let day = seconds / 86_400
        let clock = seconds % 86_400
        let (year, month, dayOfMonth) = civil(day)
        let weekday = days[Int((day + 4) % 7)]
        return "\(weekday), \(two(dayOfMonth)) \(months[Int(month) - 1]) \(four(year)) "
            + "\(two(clock / 3600)):\(two(clock / 60 % 60)):\(two(clock % 60)) GMT"
    }

    /// Seconds since 1970 of a date in exactly the written form, or nil. The day of the week is not compared.
    package static func parse(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 29, bytes[3...4].elementsEqual(", ".utf8),
            bytes[25...].elementsEqual(" GMT".utf8),
            [7, 11, 16].allSatisfy({ bytes[$0] == 0x20 }), [19, 22].allSatisfy({ bytes[$0] == 0x3A }),
            days.contains(String(decoding: bytes[..<3], as: UTF8.self)),
            let month = months.firstIndex(of: String(decoding: bytes[8..<11], as: UTF8.self)),
            let day = HTTPCharacters.decimal(bytes[5..<7]), (1...31).contains(day),
            let year = HTTPCharacters.decimal(bytes[12..<16]), year >= 1970,
            let hour = HTTPCharacters.decimal(bytes[17..<19]), hour < 24,
            let minute = HTTPCharacters.decimal(bytes[20..<22]), minute < 60,
            let second = HTTPCharacters.decimal(bytes[23..<25]), second <= 60
        else { return nil }
        let date = daysSince1970(year: Int64(year), month: Int64(month + 1), day: Int64(day))
        return date * 86_400 + Int64(hour * 3600 + minute * 60 + second)
    }

    /// Year, month and day of a day number, in the proleptic Gregorian calendar counted in 400-year eras from
    /// 1 March of year 0 (Hinnant, "chrono-compatible low-level date algorithms").
    private static func civil(_ day: Int64) -> (Int64, Int64, Int64) {
        let shifted = day + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    /// The inverse of `civil`.
    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted % 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
    private static func four(_ value: Int64) -> String {
        String(repeating: "0", count: 4 - String(value).count) + "\(value)"
    }
}
