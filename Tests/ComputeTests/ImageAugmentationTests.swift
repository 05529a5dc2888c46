import Testing

@testable import Compute

@Suite struct ImageAugmentationTests {
    private let channels = 2
    private let height = 7
    private let width = 5
    private let count = 40

    private func images(_ seed: UInt64) -> [Float] {
        var random = SeededGenerator(seed: seed, purpose: .test)
        return (0..<(count * channels * height * width)).map { _ in random.uniform() + 1 }
    }

    private func changed(
        _ images: [Float], _ rules: ImageAugmentation.Rules, seed: UInt64, pieces: [Int]? = nil
    ) -> [Float] {
        let augmentation = ImageAugmentation(
            rules, channels: channels, height: height, width: width, capacity: count)
        augmentation.begin(SeededGenerator(seed: seed, purpose: .augmentation, client: 3, round: 4))
        var images = images
        images.withUnsafeMutableBufferPointer { images in
            guard var place = images.baseAddress else { return }
            for piece in pieces ?? [count] {
                augmentation.apply(to: place, count: piece)
                place += piece * channels * height * width
            }
        }
        return images
    }

    /// Every pixel for itself, in double, from the same draws.
    private func naive(_ images: [Float], _ rules: ImageAugmentation.Rules, seed: UInt64) -> [Double] {
        var random = SeededGenerator(seed: seed, purpose: .augmentation, client: 3, round: 4)
        var output: [Double] = []
        for image in 0..<count {
            let (low, high) = (random.next(), random.next())
            let bits = [low, high].flatMap { word in [0, 16, 32, 48].map { Int(word >> $0 & 0xFFFF) } }
            func index(_ place: Int, _ bound: Int) -> Int { bits[place] * bound / 65_536 }
            func share(_ place: Int) -> Double { (Double(bits[place]) + 0.5) / 65_536 }
            let (right, down) = (
                index(0, 2 * rules.shift + 1) - rules.shift, index(1, 2 * rules.shift + 1) - rules.shift
            )
            let part = rules.crop + (1 - rules.crop) * share(3)
            let (left, top) = (share(4) * (1 - part) * Double(width), share(5) * (1 - part) * Double(height))
            let square = (
                column: index(6, width) - rules.cutout / 2, row: index(7, height) - rules.cutout / 2
            )
            for channel in 0..<channels {
                func value(_ row: Int, _ column: Int) -> Double {
                    Double(images[((image * channels + channel) * height + row) * width + column])
                }
                func sample(_ row: Double, _ column: Double) -> Double {
                    let (row, column) = (
                        min(max(row, 0), Double(height - 1)), min(max(column, 0), Double(width - 1))
                    )
                    let (above, before) = (Int(row), Int(column))
                    let (below, behind) = (min(above + 1, height - 1), min(before + 1, width - 1))
                    let (down, right) = (row - Double(above), column - Double(before))
                    return (1 - down) * ((1 - right) * value(above, before) + right * value(above, behind))
                        + down * ((1 - right) * value(below, before) + right * value(below, behind))
                }
                for row in 0..<height {
                    for column in 0..<width {
                        let isCut =
                            (square.row..<(square.row + rules.cutout)).contains(row)
                            && (square.column..<(square.column + rules.cutout)).contains(column)
                        let (fromRow, moved) = (row - down, column - right)
                        guard !isCut, (0..<height).contains(fromRow), (0..<width).contains(moved) else {
                            output.append(0)
                            continue
                        }
                        let fromColumn = rules.flips && index(2, 2) == 1 ? width - 1 - moved : moved
                        guard rules.crop < 1 else {
                            output.append(value(fromRow, fromColumn))
                            continue
                        }
                        output.append(
                            sample(
                                top + (Double(fromRow) + 0.5) * part - 0.5,
                                left + (Double(fromColumn) + 0.5) * part - 0.5))
                    }
                }
            }
        }
        return output
    }

    @Test(arguments: [
        ImageAugmentation.Rules(), .init(shift: 2), .init(shift: 4), .init(flips: true), .init(cutout: 1),
        .init(cutout: 3), .init(cutout: 20), .init(crop: 0.5), .init(crop: 0.01),
        .init(shift: 1, flips: true, crop: 0.7, cutout: 2), .init(shift: 2, flips: true, cutout: 4),
    ])
    func everyPixelIsWhatTheDrawsSay(_ rules: ImageAugmentation.Rules) {
        let before = images(1)
        let after = changed(before, rules, seed: 9)
        let expected = naive(before, rules, seed: 9)
        let isExact = rules.crop == 1
        let wrong = zip(after, expected).enumerated().first { _, pair in
            isExact ? Double(pair.0) != pair.1 : abs(Double(pair.0) - pair.1) >= 1e-4
        }
        #expect(wrong == nil, "value, of all the first that is another")
        #expect((after == before) == (rules == ImageAugmentation.Rules()))
    }

    /// What an image becomes does not depend on how the batch was cut into chunks, but does on the stream.
    @Test func drawsFollowTheStream() {
        let rules = ImageAugmentation.Rules(shift: 2, flips: true, crop: 0.6, cutout: 2)
        let before = images(2)
        let after = changed(before, rules, seed: 5)
        #expect(changed(before, rules, seed: 5, pieces: [1, 7, 0, 32]) == after)
        #expect(changed(before, rules, seed: 6) != after)
    }

    /// Of 40 images every side appears, and every shift along an axis: each is missed with a chance below 0.01 %.
    @Test func everyChangeAppears() {
        let index = (0..<(count * channels * height * width)).map { Float($0 + 1) }
        let size = channels * height * width
        let mirrored = changed(index, .init(flips: true), seed: 3)
        let sides = Set((0..<count).map { mirrored[$0 * size] == index[$0 * size] })
        #expect(sides == [true, false])
        // The value at the middle says where it came from.
        let middle = 3 * width + 2
        let moved = changed(index, .init(shift: 2), seed: 3)
        let offsets = (0..<count).map { Int(moved[$0 * size + middle]) - Int(index[$0 * size + middle]) }
        #expect(Set(offsets.map { Int((Double($0) / 5).rounded()) }) == [-2, -1, 0, 1, 2])
    }
}
