internal import Compute
internal import Configuration

/// Images and their labels, as read from files.
struct ImageTable {
    let count: Int
    /// Shape of one image.
    let shape: [Int]
    let pixels: [UInt8]
    /// Class numbers, nil where no labels were read.
    let labels: [Int32]?

    /// Values of one image.
    var pixelCount: Int { shape.reduce(1, *) }

    /// `pixels` must hold `count` images of `shape`, and `labels` as many numbers.
    init(count: Int, shape: [Int], pixels: [UInt8], labels: [Int32]?) {
        precondition(pixels.count == count * shape.reduce(1, *) && (labels?.count ?? count) == count)
        (self.count, self.shape, self.pixels, self.labels) = (count, shape, pixels, labels)
    }

    /// Throws where a label is not below `count`, naming the file and the first such place.
    func checkLabels(below count: Int, file: String) throws {
        guard let index = labels?.firstIndex(where: { $0 >= count }), let label = labels?[index] else {
            return
        }
        throw ConfigurationError(
            path: file,
            problem: "label \(label) of image \(index) is out of range: there are \(count) classes")
    }

    /// Mean and spread that `rule` learns from the pixels (as shares of 255) of `rows`.
    func fit(_ rule: NormalizationRule, rows: [Int32]) -> (center: Double, scale: Double) {
        if rule == .none { return (0, 1) }
        var histogram = [Int](repeating: 0, count: 256)
        for row in rows {
            for pixel in pixels(ofRow: Int(row)) { histogram[Int(pixel)] += 1 }
        }
        let total = Double(histogram.reduce(0, +))
        switch rule {
        case .none, .range: return (0, 1)
        case .minMax:
            let low = Double(histogram.firstIndex { $0 > 0 } ?? 0) / 255
            let high = Double(histogram.lastIndex { $0 > 0 } ?? 255) / 255
            return (low, high > low ? high - low : 1)
        case .standardize:
            let levels = histogram.enumerated().map { (value: Double($0) / 255, count: Double($1)) }
            let mean = levels.reduce(0) { $0 + $1.value * $1.count } / total
            let variance = levels.reduce(0) { $0 + ($1.value - mean) * ($1.value - mean) * $1.count } / total
            return (mean, variance > 0 ? variance.squareRoot() : 1)
        }
    }

    /// The chosen rows as examples: bytes where nothing is to be centred or scaled, else numbers.
    func examples(
        rows: [Int32], center: Double, scale: Double, classCount: Int, shape wanted: [Int]?, file: String
    ) throws -> Examples {
        let shape = wanted ?? self.shape
        guard shape.reduce(1, *) == pixelCount else {
            throw ConfigurationError(
                path: file,
                problem: "holds images of shape \(self.shape), which do not fill the shape \(shape)")
        }
        var chosen: [UInt8] = []
        if rows.count == count, rows.indices.allSatisfy({ Int(rows[$0]) == $0 }) {
            chosen = pixels
        } else {
            chosen.reserveCapacity(rows.count * pixelCount)
            for row in rows { chosen.append(contentsOf: pixels(ofRow: Int(row))) }
        }
        let features: Examples.Features
        if center == 0 && scale == 1 {
            features = .bytes(chosen, scale: 1 / 255)
        } else {
            let levels = (0...255).map { Float((Double($0) / 255 - center) / scale) }
            features = .floats(chosen.map { levels[Int($0)] })
        }
        let targets = labels.map { labels in
            Examples.Targets.classes(rows.map { labels[Int($0)] }, count: classCount)
        }
        return Examples(
            count: rows.count, featureShape: shape, features: features,
            targets: targets ?? .values([], width: 0))
    }

    private func pixels(ofRow row: Int) -> ArraySlice<UInt8> {
        pixels[(row * pixelCount)..<((row + 1) * pixelCount)]
    }
}
