internal import Compute
internal import Reporting

/// How examples are pictures: channel by channel, row by row.
struct PictureShape: Equatable, Sendable {
    let channels: Int
    let height: Int
    let width: Int

    /// The shape of examples of this shape, or of flat ones that somebody says are pictures; nil where they are none.
    init?(_ shape: [Int], flatAs sides: [Int]? = nil) {
        let count = shape.reduce(1, *)
        if let sides {
            guard sides.count == 2, sides[0] * sides[1] == count else { return nil }
            (channels, height, width) = (1, sides[0], sides[1])
        } else if shape.count == 2 {
            (channels, height, width) = (1, shape[0], shape[1])
        } else if shape.count == 3, shape[0] == 1 || shape[0] == 3 {
            (channels, height, width) = (shape[0], shape[1], shape[2])
        } else {
            return nil
        }
    }

    private var count: Int { channels * height * width }

    /// Mean absolute difference of neighbours below and beside, over all pictures in `values`; its slope times `factor` is
    /// added to `slope`.
    func addVariation(
        of values: UnsafeMutableBufferPointer<Float>, times factor: Double,
        to slope: UnsafeMutableBufferPointer<Float>
    ) -> Double {
        let planes = values.count / (height * width)
        let (below, beside) = (planes * (height - 1) * width, planes * height * (width - 1))
        var total = 0.0
        func visit(_ place: Int, _ other: Int, _ share: Double) {
            let difference = values[other] - values[place]
            total += Double(abs(difference)) * share
            let change = Float(factor * share) * (difference > 0 ? 1 : difference < 0 ? -1 : 0)
            slope[other] += change
            slope[place] -= change
        }
        for plane in 0..<planes {
            for row in 0..<height {
                let start = (plane * height + row) * width
                for column in 0..<width {
                    if row + 1 < height { visit(start + column, start + column + width, 1 / Double(below)) }
                    if column + 1 < width { visit(start + column, start + column + 1, 1 / Double(beside)) }
                }
            }
        }
        return total
    }

    /// One example as a picture, `range` being black to white.
    func picture(_ values: [Float], range: ClosedRange<Float>) -> Picture {
        let extent = Double(range.upperBound - range.lowerBound)
        return Picture(
            width: width, height: height, channels: channels,
            values: values.map { extent > 0 ? Double($0 - range.lowerBound) / extent : 0 })
    }
}
