import Testing

@testable import Reporting

/// Pictures as squares, and rates on axes of decades.
@Suite struct PictureTests {
    /// Runs of one colour are one rectangle, and every pixel is in one.
    @Test func pixelsAreDrawnByColour() {
        let picture = Picture(width: 3, height: 2, channels: 1, values: [0, 0, 1, 1, 0.5, .nan])
        let markup = picture.html(label: "two & more").markup
        #expect(markup.contains("<path fill=\"#000\" d=\"M0 0h2v1h-2zM2 1h1v1h-1z\"/>"))
        #expect(markup.contains("<path fill=\"#888\" d=\"M1 1h1v1h-1z\"/>"))
        #expect(markup.contains("<path fill=\"#fff\" d=\"M2 0h1v1h-1zM0 1h1v1h-1z\"/>"))
        #expect(markup.contains("viewBox=\"0 0 3 2\"") && markup.contains("aria-label=\"two &amp; more\""))
    }

    @Test func coloursAreRedGreenBlue() {
        let picture = Picture(width: 1, height: 1, channels: 3, values: [1, 0, 2])
        #expect(picture.html(label: "x").markup.contains("fill=\"#f0f\""))
        #expect(
            Picture(width: 1, height: 1, channels: 3, values: [-1, 0, 0.2]).html(label: "x").markup
                .contains("fill=\"#003\""))
    }

    private func chart(_ points: [(x: Double, y: Double)]) -> RateChart {
        RateChart(
            id: "r", title: "R", note: "n", horizontalTitle: "alarms", verticalTitle: "found",
            curves: [.init(name: "one", style: 1, points: points)])
    }

    /// A decade is as long as the next, on both axes, and the greatest rate is at their ends.
    @Test func decadesAreAlike() throws {
        let markup = try #require(chart([(0.001, 0.01), (0.01, 0.1), (0.1, 1)]).html).markup
        let path = try #require(
            markup.firstMatch(
                of: /class="curve" d="M([0-9.]+) ([0-9.]+)L([0-9.]+) ([0-9.]+)L([0-9.]+) ([0-9.]+)"/))
        let (x, y) = (
            [path.1, path.3, path.5].compactMap { Double($0) },
            [path.2, path.4, path.6].compactMap { Double($0) }
        )
        #expect(abs(x[2] - 2 * x[1] + x[0]) < 0.02 && abs(y[2] - 2 * y[1] + y[0]) < 0.02)
        #expect(x[0] < x[1] && y[0] > y[1])
        #expect(markup.contains("0.001") && markup.contains("one"))
    }

    /// Rates of nothing have no place on such an axis.
    @Test func ratesOfNothingAreLeftOut() {
        #expect(chart([(0, 1), (0.5, 0), (2, 1), (.nan, 0.5)]).html == nil)
        #expect(chart([(0, 1), (0.5, 0.5)]).html != nil)
    }
}
