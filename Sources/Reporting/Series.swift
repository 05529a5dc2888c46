/// One value of a chart's series.
struct SeriesPoint: Equatable {
    /// Where along the horizontal axis: a round, or bytes sent so far.
    var place: Int
    var value: Double
}

/// A named sequence of values over rounds or bytes. Places without a value are simply not there: the curve connects
/// those that were measured.
package struct Series {
    /// Place in the palette, 1 to 4; each place also has its own dash pattern, so colour is never the only
    /// sign.
    var style: Int
    var name: String
    /// Drawable points, places ascending.
    let points: [SeriesPoint]

    /// A series of the values that are present and can be drawn.
    package init(_ name: String, style: Int, points: [(place: Int, value: Double?)]) {
        self.name = name
        self.style = style
        self.points = points.compactMap { point in
            guard let value = point.value, Axis.canDraw(value) else { return nil }
            return SeriesPoint(place: point.place, value: value)
        }
    }

    /// Points that a drawing has room for; a longer series is drawn by stretches.
    package static let drawnPoints = 300

    /// Most stretches that a long series is cut into.
    package static let stretches = 150

    /// Consecutive points of a long series as one.
    struct Stretch: Equatable {
        /// Place of the middle point.
        var place: Int
        var mean: Double
        var least: Double
        var greatest: Double
    }

    /// The stretches of a series that is too long to draw point by point; nil for one that is not.
    var thinned: [Stretch]? {
        guard points.count > Self.drawnPoints else { return nil }
        return Series.stretches(of: points.count).map { range in
            let values = points[range].map(\.value)
            return Stretch(
                place: points[(range.lowerBound + range.upperBound) / 2].place,
                mean: values.reduce(0) { $0 + $1 / Double(values.count) }, least: values.min() ?? 0,
                greatest: values.max() ?? 0)
        }
    }

    /// `0..<count` cut into at most ``stretches`` parts that differ in length by at most one, none empty.
    package static func stretches(of count: Int, atMost limit: Int = stretches) -> [Range<Int>] {
        let parts = min(count, limit)
        return (0..<parts).map { $0 * count / parts..<($0 + 1) * count / parts }
    }
}
