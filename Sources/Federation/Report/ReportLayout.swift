/// The coordinates of a report: named segments, one behind the other.
///
/// The update and what rides along with it are clipped and noised as one vector, ``vector``; the segments behind that
/// have bounds and noise of their own.
package struct ReportLayout: Equatable, Sendable {
    /// A segment of a report.
    package enum Segment: String, CaseIterable, Sendable {
        /// The change of the model's parameters, in the order of its layout; for a forest the sums that it grows by.
        case update
        /// A vector as long as the update that the strategy's client rule sends beside it; where nothing is private.
        case controlVariate
        /// Numbers that the strategy's client rule sends beside it; where nothing is private.
        case scalars
        /// What a client says of the model that it was given (``MetricsPlan``), within the update's clipping norm.
        case metrics
        /// Whether the update was clipped, where the clipping norm adapts: -1 or 1 with noise of its own, or, where clients add
        /// the noise, a coordinate of the vector (``PrivacyPlan/indicatorShare``).
        case clippingIndicator
    }

    private let ends: [Int]
    /// Whether the clipping indicator is clipped and noised with the update.
    private let hasIndicatorWithin: Bool

    /// The layout of updates of so many coordinates; a segment that the plan has no use for is empty. `indicatorWithin`: the
    /// clipping indicator is part of the vector.
    init(
        update parameters: Int, companion: ClientCompanion?, hasMetrics: Bool, hasClippingIndicator: Bool,
        indicatorWithin: Bool = false
    ) {
        hasIndicatorWithin = indicatorWithin
        let lengths = [
            parameters, companion?.sendsControlVariate == true ? parameters : 0,
            companion?.scalars.count ?? 0, hasMetrics ? MetricsPlan.count : 0, hasClippingIndicator ? 1 : 0,
        ]
        ends = lengths.reduce(into: []) { $0.append(($0.last ?? 0) + $1) }
    }

    /// The coordinates of a segment; empty where reports have none.
    package subscript(_ segment: Segment) -> Range<Int> {
        switch segment {
        case .update: 0..<ends[0]
        case .controlVariate: ends[0]..<ends[1]
        case .scalars: ends[1]..<ends[2]
        case .metrics: ends[2]..<ends[3]
        case .clippingIndicator: ends[3]..<ends[4]
        }
    }

    /// The coordinates that local work yields: the update and what the strategy's client rule sends beside it.
    package var trained: Range<Int> { 0..<ends[2] }

    /// The coordinates that are clipped and noised together.
    package var vector: Range<Int> { 0..<ends[hasIndicatorWithin ? 4 : 3] }

    /// Coordinates of a whole report.
    package var count: Int { ends[4] }
}
