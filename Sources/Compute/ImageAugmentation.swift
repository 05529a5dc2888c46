/// Random changes of images that train on, each time they are gathered: a part is enlarged, the image is mirrored and moved,
/// and a square is blanked.
///
/// Every image takes one block of a ``SeededGenerator``'s stream, whatever is drawn from it, in the order of the batch.
/// Owned by one thread; nothing is allocated after `init`.
package final class ImageAugmentation {
    /// What is changed.
    package struct Rules: Sendable, Equatable {
        /// Pixels by which an image moves at most, to either side and up or down; what comes in is 0.
        package var shift: Int
        /// Whether one image in two is mirrored left to right.
        package var flips: Bool
        /// Least share of height and width of the part that becomes the whole image, 1 for none. The share is uniform from
        /// this to 1, and so is the part's place.
        package var crop: Double
        /// Side of a square that becomes 0, its middle at any pixel, cut off at the image's edges (DeVries and Taylor 2017);
        /// 0 for none.
        package var cutout: Int

        package init(shift: Int = 0, flips: Bool = false, crop: Double = 1, cutout: Int = 0) {
            (self.shift, self.flips, self.crop, self.cutout) = (shift, flips, crop, cutout)
        }
    }

    private let rules: Rules
    private let channels: Int
    private let height: Int
    private let width: Int
    private var generator = SeededGenerator(seed: 0, purpose: .augmentation)
    /// The draws of a batch, four words an image.
    private let words: UnsafeMutableBufferPointer<UInt32>
    /// One image.
    private let room: UnsafeMutablePointer<Float>
    /// Of each column of an enlarged part the column to its left in the image, and its distance from that.
    private let lefts: UnsafeMutablePointer<Int>
    private let distances: UnsafeMutablePointer<Float>

    /// Changes batches of up to `capacity` images of [channels, height, width], whose sides are at most 65,536.
    package init(_ rules: Rules, channels: Int, height: Int, width: Int, capacity: Int) {
        precondition(
            max(height, width) <= 1 << 16 && rules.shift < min(height, width),
            "images too large to be drawn for, or too small to be moved so far")
        self.rules = rules
        (self.channels, self.height, self.width) = (channels, height, width)
        words = .allocate(capacity: 4 * capacity)
        words.initialize(repeating: 0)
        room = .allocate(capacity: channels * height * width)
        room.initialize(repeating: 0, count: channels * height * width)
        lefts = .allocate(capacity: width)
        lefts.initialize(repeating: 0, count: width)
        distances = .allocate(capacity: width)
        distances.initialize(repeating: 0, count: width)
    }

    deinit {
        words.deallocate()
        room.deallocate()
        lefts.deallocate()
        distances.deallocate()
    }

    /// Draws from `generator`, from its next whole block on.
    package func begin(_ generator: SeededGenerator) { self.generator = generator }

    /// Changes `count` images in place, one behind the other.
    package func apply(to images: UnsafeMutablePointer<Float>, count: Int) {
        precondition(4 * count <= words.count, "more images than there is room for")
        generator.fill(UnsafeMutableBufferPointer(rebasing: words[..<(4 * count)]))
        let size = channels * height * width
        for index in 0..<count { change(images + index * size, Draws(words, at: 4 * index)) }
    }

    /// What is drawn for an image: eight numbers of 16 bits.
    private struct Draws {
        private let words: UnsafeMutableBufferPointer<UInt32>
        private let start: Int

        init(_ words: UnsafeMutableBufferPointer<UInt32>, at start: Int) {
            (self.words, self.start) = (words, start)
        }

        private func bits(_ place: Int) -> Int {
            Int(words[start + place >> 1] >> (place & 1 == 0 ? 0 : 16) & 0xFFFF)
        }

        /// A number in `0..<bound`, each equally likely but for 1 in 65,536.
        func index(_ place: Int, below bound: Int) -> Int { (bits(place) * bound) >> 16 }

        /// A number above 0 and below 1.
        func share(_ place: Int) -> Float { (Float(bits(place)) + 0.5) / 65_536 }
    }

    private func change(_ image: UnsafeMutablePointer<Float>, _ draws: Draws) {
        let right = rules.shift > 0 ? draws.index(0, below: 2 * rules.shift + 1) - rules.shift : 0
        let down = rules.shift > 0 ? draws.index(1, below: 2 * rules.shift + 1) - rules.shift : 0
        let isMirrored = rules.flips && draws.index(2, below: 2) == 1
        if rules.crop < 1 {
            let least = Float(rules.crop)
            let share = least + (1 - least) * draws.share(3)
            enlarge(image, share: share, left: draws.share(4), top: draws.share(5))
        } else if right != 0 || down != 0 || isMirrored {
            room.update(from: image, count: channels * height * width)
        }
        if rules.crop < 1 || right != 0 || down != 0 || isMirrored {
            for channel in 0..<channels {
                let plane = channel * height * width
                move(room + plane, to: image + plane, right: right, down: down, isMirrored: isMirrored)
            }
        }
        if rules.cutout > 0 {
            blank(image, column: draws.index(6, below: width), row: draws.index(7, below: height))
        }
    }

    /// The part of `share` of the image's sides into the room, enlarged to the whole: bilinear between the middles of
    /// pixels. `left` and `top` say where in what is over it begins.
    private func enlarge(_ image: UnsafePointer<Float>, share: Float, left: Float, top: Float) {
        let start = left * (1 - share) * Float(width)
        for column in 0..<width {
            (lefts[column], distances[column]) = Self.source(column, start: start, share: share, count: width)
        }
        let startRow = top * (1 - share) * Float(height)
        for row in 0..<height {
            let (upper, distance) = Self.source(row, start: startRow, share: share, count: height)
            let lower = min(upper + 1, height - 1)
            for channel in 0..<channels {
                let plane = image + channel * height * width
                let (above, below) = (plane + upper * width, plane + lower * width)
                let target = room + (channel * height + row) * width
                for column in 0..<width {
                    let (left, part) = (lefts[column], distances[column])
                    let right = min(left &+ 1, width &- 1)
                    let high = above[left] + part * (above[right] - above[left])
                    let low = below[left] + part * (below[right] - below[left])
                    target[column] = high + distance * (low - high)
                }
            }
        }
    }

    /// Where the middle of pixel `place` of an enlarged part lies: the pixel before it, and the distance from that.
    private static func source(
        _ place: Int, start: Float, share: Float, count: Int
    ) -> (before: Int, distance: Float) {
        let middle = min(max(0, start + (Float(place) + 0.5) * share - 0.5), Float(count - 1))
        let before = Int(middle)
        return (before, middle - Float(before))
    }

    private func move(
        _ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, right: Int, down: Int,
        isMirrored: Bool
    ) {
        let columns = max(0, right)..<min(width, width + right)
        for row in 0..<height {
            let output = target + row * width
            guard (0..<height).contains(row - down) else {
                output.update(repeating: 0, count: width)
                continue
            }
            let input = source + (row - down) * width
            output.update(repeating: 0, count: columns.lowerBound)
            if isMirrored {
                let last = width - 1 + right
                for column in columns { output[column] = input[last &- column] }
            } else {
                (output + columns.lowerBound)
                    .update(from: input + columns.lowerBound - right, count: columns.count)
            }
            (output + columns.upperBound).update(repeating: 0, count: width - columns.upperBound)
        }
    }

    private func blank(_ image: UnsafeMutablePointer<Float>, column: Int, row: Int) {
        let (left, top) = (column - rules.cutout / 2, row - rules.cutout / 2)
        let columns = max(0, left)..<min(width, left + rules.cutout)
        for channel in 0..<channels {
            for row in max(0, top)..<min(height, top + rules.cutout) {
                (image + (channel * height + row) * width + columns.lowerBound)
                    .update(repeating: 0, count: columns.count)
            }
        }
    }
}
