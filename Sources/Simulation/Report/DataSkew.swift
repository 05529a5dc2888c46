internal import Reporting

/// How the clients' data lie: label skew and sizes.
struct DataSkew: ReportSection {
    let distribution: ClientDistribution

    /// Heat map of classes, where there are classes, and histogram of sizes.
    var html: HTML {
        let charts = [classHeatMap?.html, sizeHistogram.html].compactMap(\.self)
        let figures: HTML = charts.isEmpty ? "" : "<div class=\"figures\">\n\(charts)</div>"
        return """
            <section id="clients-data"><h2>The clients’ data</h2>
            <p>\(sizesInWords)</p>
            \(figures)</section>
            """
    }

    private var sizesInWords: String {
        let sizes = distribution.clientSizes.sorted()
        guard let least = sizes.first, let greatest = sizes.last else {
            return "\(Readable.count(distribution.population, "client"))."
        }
        let scope =
            sizes.count == distribution.population
            ? "\(Readable.count(distribution.population, "client")) hold"
            : "Of \(Readable.count(distribution.population, "client")), a sample of "
                + "\(Readable.count(sizes.count)) holds"
        return "\(scope) from \(Readable.count(least)) to \(Readable.count(greatest, "example")) each, "
            + "\(Readable.count(sizes[sizes.count / 2])) in the median. A deployment could not know this: "
            + "it is shown because the clients are simulated."
    }

    private var sizeHistogram: Histogram {
        Histogram(
            id: "sizes", title: "Sizes.", note: "How many clients hold how many examples.",
            horizontalTitle: "examples of a client", verticalTitle: "clients",
            values: distribution.clientSizes)
    }

    /// Most classes that the heat map names; the rarest beyond are shown as one row.
    private static let shownClasses = 64

    private var classHeatMap: HeatMap? {
        let names = distribution.classNames
        guard !names.isEmpty, !distribution.classCounts.isEmpty else { return nil }
        let columns = ClientDistribution.evenSample(of: distribution.classCounts.count)
        let counts = columns.map { column in
            let row = distribution.classCounts[column]
            return names.indices.map { $0 < row.count ? max(0, row[$0]) : 0 }
        }
        let shown = mostFrequentClasses(counts)
        let shares = counts.map { row -> [Double] in
            let total = Double(max(1, row.reduce(0, +)))
            var shares = shown.map { Double(row[$0]) / total }
            if shown.count < names.count {
                let kept = shown.reduce(0) { $0 + row[$1] }
                shares.append(Double(row.reduce(0, +) - kept) / total)
            }
            return shares
        }
        var rowNames = shown.map { names[$0] }
        if shown.count < names.count { rowNames.append("\(names.count - shown.count) others") }
        let numbers = columns.map {
            $0 < distribution.sampledClients.count ? distribution.sampledClients[$0] : $0
        }
        let scope =
            columns.count == distribution.population
            ? "of every client" : "of \(columns.count) evenly sampled clients"
        return HeatMap(
            id: "classes", title: "Classes.", note: "What the examples \(scope) are made of.",
            rowNames: rowNames, columnNumbers: numbers, shares: shares)
    }

    /// Indices of the classes to name, in label order.
    private func mostFrequentClasses(_ counts: [[Int]]) -> [Int] {
        let indices = Array(distribution.classNames.indices)
        guard indices.count > Self.shownClasses else { return indices }
        let totals = indices.map { index in counts.reduce(0) { $0 + $1[index] } }
        return indices.sorted { (totals[$0], $1) > (totals[$1], $0) }.prefix(Self.shownClasses).sorted()
    }
}
