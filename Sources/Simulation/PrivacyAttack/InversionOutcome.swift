/// What gradient inversion came to, for `summary.json`. Exact values of simulated clients: not releasable.
package struct InversionOutcome: Codable, Equatable, Sendable {
    /// What one observer reconstructed.
    package struct View: Codable, Equatable, Sendable {
        /// `"server"` or `"published"`.
        package var view: String
        /// `"analytic"` or `"matching"`, whichever came nearer to what was seen; `"none"` where nothing was.
        package var method: String
        /// Cosine distance of the reconstruction's gradient to what was seen.
        package var distance: Double?
        /// Mean squared error in shares of the squared range of the data, and its peak signal to noise ratio in decibels.
        package var mse: Double?
        package var psnr: Double?
        /// Mean and greatest correlation of a reconstruction with its example.
        package var correlation: Double?
        package var bestCorrelation: Double?
        /// Share of the examples' classes that the attacker had right.
        package var labelsRight: Double?

        private enum CodingKeys: String, CodingKey {
            case view, method, distance, mse, psnr, correlation
            case bestCorrelation = "best_correlation"
            case labelsRight = "labels_right"
        }
    }

    package var client: Int
    package var round: Int
    /// Examples that the client has.
    package var records: Int
    /// Steps of its local training; more than one are taken for one.
    package var steps: Int
    /// `"known"` or `"inferred"`.
    package var labels: String
    /// The same figures for whoever guesses the mean of all other clients' examples.
    package var blindMSE: Double
    package var blindCorrelation: Double
    package var views: [View]

    private enum CodingKeys: String, CodingKey {
        case client, round, records, steps, labels, views
        case blindMSE = "blind_mse"
        case blindCorrelation = "blind_correlation"
    }
}

/// Examples beside what was made of them, for the report alone.
package struct InversionPictures: Sendable {
    /// What one observer reconstructed, example by example in the order of ``truth``.
    struct View: Sendable {
        let view: InversionView
        let found: [[Float]]
        let correlations: [Double]
    }

    let shape: PictureShape
    let range: ClosedRange<Float>
    let truth: [[Float]]
    let views: [View]

    /// Examples that a report has room for.
    static let most = 8
}
