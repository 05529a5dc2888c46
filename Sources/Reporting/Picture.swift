/// A small picture drawn as squares: it stays sharp at any size, and a page that has it loads nothing.
package struct Picture: Equatable {
    /// Pixels a side.
    package let width: Int
    package let height: Int
    /// A colour a pixel, row by row: its 4 bits each of red, green and blue.
    private let colours: [UInt16]

    /// A picture of values from 0 (black) to 1 (white), channel by channel and row by row: one channel is grey, three are
    /// red, green and blue. Values outside are drawn at the end that they are nearest to, and such as are no number as black.
    package init(width: Int, height: Int, channels: Int, values: [Double]) {
        precondition(
            channels == 1 || channels == 3, "a picture is grey, or of red, green and blue")
        precondition(values.count == channels * width * height, "a picture of other size")
        (self.width, self.height) = (width, height)
        let size = width * height
        func level(_ value: Double) -> UInt16 { value > 0 ? UInt16((min(value, 1) * 15).rounded()) : 0 }
        colours = (0..<size).map { place in
            let red = level(values[place])
            let green = channels == 1 ? red : level(values[size + place])
            let blue = channels == 1 ? red : level(values[2 * size + place])
            return red << 8 | green << 4 | blue
        }
    }

    /// The drawing, `label` being what it is to those who do not see it.
    package func html(label: String) -> HTML {
        var paths: [UInt16: VectorPath] = [:]
        for row in 0..<height {
            var column = 0
            while column < width {
                let colour = colours[row * width + column]
                let start = column
                while column < width, colours[row * width + column] == colour { column += 1 }
                paths[colour, default: VectorPath()].rectangle(
                    Double(start), Double(row), width: Double(column - start), height: 1)
            }
        }
        let pieces = paths.sorted { $0.key < $1.key }.map { colour, path in
            "<path fill=\"\(Self.name(colour))\" d=\"\(path.data)\"/>" as HTML
        }
        return """
            <svg class="picture" viewBox="0 0 \(width) \(height)" role="img" aria-label="\(label)" \
            shape-rendering="crispEdges">\(pieces)</svg>
            """
    }

    private static func name(_ colour: UInt16) -> String {
        let digits = String(colour, radix: 16)
        return "#" + String(repeating: "0", count: 3 - digits.count) + digits
    }
}
