/// One axis of a convolution or of a pooling: how a window walks over `size` places.
package struct WindowAxis: Sendable, Hashable {
    /// Places of the input.
    package let size: Int
    /// Places under the window.
    package let kernel: Int
    /// Places from one window to the next.
    package let stride: Int
    /// Places from one of the window's to the next.
    package let dilation: Int
    /// Zeros before the first place and behind the last.
    package let leading: Int
    package let trailing: Int

    package init(
        size: Int, kernel: Int, stride: Int = 1, leading: Int = 0, trailing: Int = 0, dilation: Int = 1
    ) {
        precondition(size > 0 && kernel > 0 && stride > 0 && dilation > 0 && leading >= 0 && trailing >= 0)
        (self.size, self.kernel, self.stride, self.dilation) = (size, kernel, stride, dilation)
        (self.leading, self.trailing) = (leading, trailing)
    }

    /// Places from the first under the window to the last.
    var reach: Int { (kernel - 1) * dilation }
    /// Windows; 0 or less where the window does not fit.
    package var output: Int {
        let room = size + leading + trailing - reach - 1
        return room < 0 ? 0 : room / stride + 1
    }

    // MARK: The input parted into phases, one for each remainder of a place by the stride

    /// Phases that windows look at.
    var phases: Int { kernel == 1 ? 1 : stride }
    /// Steps within a phase from a window's first place to its last.
    var reachInPhase: Int { reach / stride }
    /// Places of a phase that windows look at.
    var sizeOfPhase: Int { output + reachInPhase }
    /// The phase of place `index` of the window and the place in it.
    func place(of index: Int) -> (phase: Int, shift: Int) {
        ((index * dilation) % stride, (index * dilation) / stride)
    }

    // MARK: The input's delta

    /// Places of the output's delta, padded so that every place of the input sees zeros where no window covered it.
    var sizeOfPaddedDelta: Int { (size - 1 + leading) / stride + 1 + reachInPhase }
    /// The places of the phases' numbering whose input place, stride · place + phase − leading, exists.
    func places(ofPhase phase: Int) -> Range<Int> {
        let first = max(0, (leading - phase + stride - 1) / stride)
        let last = size - 1 + leading - phase
        return last < 0 ? first..<first : first..<max(first, last / stride + 1)
    }
}

/// What a two-dimensional convolution's sizes are, and what follows from them: the sums over taps that its passes are.
struct ConvolutionShape: Sendable {
    let channels: Int
    let outputs: Int
    let groups: Int
    let vertical: WindowAxis
    let horizontal: WindowAxis

    /// Channels and outputs of one group.
    var groupChannels: Int { channels / groups }
    var groupOutputs: Int { outputs / groups }
    var kernelCount: Int { vertical.kernel * horizontal.kernel }
    /// Taps of a group's output: weights that one output value reads.
    var taps: Int { groupChannels * kernelCount }
    var positions: Int { vertical.output * horizontal.output }
    var inputCount: Int { channels * vertical.size * horizontal.size }
    var outputCount: Int { outputs * positions }

    /// Floats of one channel of the padded and parted input.
    var sourceChannel: Int {
        vertical.phases * horizontal.phases * vertical.sizeOfPhase * horizontal.sizeOfPhase
    }
    /// Floats of one channel of the padded output's delta.
    var deltaChannel: Int { vertical.sizeOfPaddedDelta * horizontal.sizeOfPaddedDelta }
    var isStrided: Bool { vertical.stride > 1 || horizontal.stride > 1 }

    /// Where each tap of a group reads its weight and the source.
    func forwardTaps() -> TapTable {
        var table = TapTable()
        let plane = vertical.sizeOfPhase * horizontal.sizeOfPhase
        for channel in 0..<groupChannels {
            for row in 0..<vertical.kernel {
                for column in 0..<horizontal.kernel {
                    let (y, down) = vertical.place(of: row)
                    let (x, right) = horizontal.place(of: column)
                    table.append(
                        weight: table.weight.count,
                        source: channel * sourceChannel + (y * horizontal.phases + x) * plane
                            + down * horizontal.sizeOfPhase + right)
                }
            }
        }
        return table
    }

    /// The input's delta, one sum over taps for each phase of the input that windows look at and that has places.
    func deltaPhases() -> [DeltaPhase] {
        var phases: [DeltaPhase] = []
        for y in 0..<vertical.stride {
            for x in 0..<horizontal.stride {
                let table = deltaTaps(y, x)
                let (rows, columns) = (vertical.places(ofPhase: y), horizontal.places(ofPhase: x))
                guard !table.weight.isEmpty, !rows.isEmpty, !columns.isEmpty else { continue }
                phases.append(
                    DeltaPhase(
                        taps: table, rows: rows, columns: columns,
                        top: rows.lowerBound * vertical.stride + y - vertical.leading,
                        left: columns.lowerBound * horizontal.stride + x - horizontal.leading))
            }
        }
        return phases
    }

    private func deltaTaps(_ y: Int, _ x: Int) -> TapTable {
        var table = TapTable()
        for output in 0..<groupOutputs {
            for row in 0..<vertical.kernel {
                for column in 0..<horizontal.kernel {
                    let (ofRow, down) = vertical.place(of: row)
                    let (ofColumn, right) = horizontal.place(of: column)
                    guard ofRow == y, ofColumn == x else { continue }
                    table.append(
                        weight: output * taps + row * horizontal.kernel + column,
                        source: output * deltaChannel
                            + (vertical.reachInPhase - down) * horizontal.sizeOfPaddedDelta
                            + horizontal.reachInPhase - right)
                }
            }
        }
        return table
    }
}

/// Places of the weights and of the source, tap by tap.
struct TapTable: Sendable {
    private(set) var weight: [Int32] = []
    private(set) var source: [Int32] = []

    /// Adds a tap.
    mutating func append(weight: Int, source: Int) {
        self.weight.append(Int32(weight))
        self.source.append(Int32(source))
    }
}

/// The part of the input's delta that lies on one phase of the input.
struct DeltaPhase: Sendable {
    let taps: TapTable
    /// Its places in the numbering of the phase.
    let rows: Range<Int>
    let columns: Range<Int>
    /// The first place of the input.
    let top: Int
    let left: Int

    var count: Int { rows.count * columns.count }
}
