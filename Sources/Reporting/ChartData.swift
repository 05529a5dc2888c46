/// The numbers behind a figure, as comma-separated values that its caption offers.
///
/// They stand in the page itself, as a `data:` address: the page stays one file that loads nothing, and a browser
/// saves them without a script.
struct ChartData: Equatable {
    /// Names of the columns.
    var columns: [String]
    /// Cells as they are to be read by programs: full precision, empty where there is no value.
    var rows: [[String]]

    /// Rows beyond which a curve is given by stretches, as it is drawn: the page must stay a page.
    static let mostRows = 1000

    /// A table of numbers; values that are no finite numbers are empty.
    init(columns: [String], rows: [[String]]) {
        self.columns = columns
        self.rows = rows
    }

    /// The values of series at every place that one of them has; by stretches (first and last place, mean, least,
    /// greatest) where there are more than ``mostRows``.
    init(_ series: [Series], over column: String) {
        let places = Self.places(series)
        guard places.count > Self.mostRows else {
            let values = series.map { one in
                Dictionary(one.points.map { ($0.place, $0.value) }, uniquingKeysWith: { $1 })
            }
            columns = [column] + series.map(\.name)
            rows = places.map { place in [String(place)] + values.map { Self.cell($0[place]) } }
            return
        }
        columns =
            ["first \(column)", "last \(column)"]
            + series.flatMap { ["\($0.name), mean", "\($0.name), least", "\($0.name), greatest"] }
        rows = Series.stretches(of: places.count).map { range in
            let (first, last) = (places[range.lowerBound], places[range.upperBound - 1])
            return [String(first), String(last)]
                + series.flatMap { one in
                    let values = one.values(in: first...last)
                    let mean = values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
                    return [mean, values.min(), values.max()].map(Self.cell)
                }
        }
    }

    /// All places of the series, ascending, each once.
    static func places(_ series: [Series]) -> [Int] {
        Set(series.flatMap { $0.points.map(\.place) }).sorted()
    }

    /// A number for a program.
    static func cell(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "" }
        return "\(value)"
    }

    /// RFC 4180, but for line feeds alone.
    var text: String {
        ([columns] + rows).map { $0.map(Self.quoted).joined(separator: ",") + "\n" }.joined()
    }

    /// The text as an address that holds it.
    var address: String {
        var address = "data:text/csv;charset=utf-8,"
        let hexadecimal = Array("0123456789ABCDEF")
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: ","), UInt8(ascii: "."),
                UInt8(ascii: "-"), UInt8(ascii: "_"):
                address.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                address.append("%")
                address.append(hexadecimal[Int(byte >> 4)])
                address.append(hexadecimal[Int(byte & 15)])
            }
        }
        return address
    }

    private static func quoted(_ cell: String) -> String {
        let special: Set<Unicode.Scalar> = ["\"", ",", "\n", "\r"]
        guard cell.unicodeScalars.contains(where: special.contains) else { return cell }
        var quoted = "\""
        for scalar in cell.unicodeScalars {
            if scalar == "\"" { quoted.unicodeScalars.append(scalar) }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }
}

extension Series {
    /// The values at places of `range`.
    func values(in range: ClosedRange<Int>) -> [Double] {
        // Points ascend: what lies before is skipped by halves.
        var (low, high) = (0, points.count)
        while low < high {
            let middle = (low + high) / 2
            if points[middle].place < range.lowerBound { low = middle + 1 } else { high = middle }
        }
        return points[low...].prefix { $0.place <= range.upperBound }.map(\.value)
    }
}
