/// One chart with its caption, legend and a description in words for those who do not see it.
struct Figure {
    /// What a sign in the chart stands for.
    struct LegendEntry {
        enum Sign {
            /// A curve or reference line in the palette's dash pattern.
            case line
            /// A filled band of the given strength, 0 to 1.
            case area(Double)
            /// The tick of an abandoned round.
            case mark
        }

        var sign: Sign
        /// Place in the palette, 1 to 4.
        var style: Int
        var name: String
    }

    /// Unique in the page; used for the title's and the description's ids.
    var id: String
    var title: String
    /// A sentence or two below the title.
    var note: String
    var legend: [LegendEntry]
    /// The chart in words: what it shows, from where to where.
    var description: String
    /// Height of the drawing; its width is ``width``.
    var height: Double
    var drawing: HTML
    /// The numbers that were drawn, for the link below.
    var data: ChartData

    /// Width of every drawing in user units; close to its width in pixels on a telephone, so that text stays
    /// legible there.
    static let width = 400.0

    /// The figure as markup.
    var html: HTML {
        let signs: HTML = legend.isEmpty ? "" : "<span class=\"legend\">\(legend.map(\.html))</span>"
        return """
            <figure id="\(id)"><figcaption><b>\(title)</b> <span class="note">\(note)</span>\
            \(signs)</figcaption><svg viewBox="0 0 \(Self.width) \(height)" role="img" \
            aria-labelledby="\(id)-title \(id)-description"><title id="\(id)-title">\(title)</title>\
            <desc id="\(id)-description">\(description)</desc>\(drawing)</svg>\
            <p class="data"><a download="\(id).csv" href="\(data.address)" \
            aria-label="\(title) as comma-separated values">\(id).csv</a></p></figure>

            """
    }
}

extension Figure.LegendEntry {
    /// A small sign and the name.
    fileprivate var html: HTML {
        let drawing: HTML =
            switch sign {
            case .line: "<path class=\"curve\" d=\"M0 5H26\"/>"
            case .area(let strength):
                "<rect class=\"tint\" width=\"26\" height=\"10\" fill-opacity=\"\(strength)\"/>"
            case .mark: "<path class=\"abandoned\" d=\"M13 0V10\"/>"
            }
        return """
            <span class="c\(style)"><svg class="sign" viewBox="0 0 26 10" aria-hidden="true">\(drawing)</svg>\
            \(name)</span>
            """
    }
}
