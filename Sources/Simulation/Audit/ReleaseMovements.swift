internal import Glibc
internal import Synchronization

/// What published models moved by, release by release: along one direction, and how far otherwise.
final class ReleaseMovements: Sendable {
    /// One release's, in clipping norms.
    struct Movement: Sendable {
        /// Along direction 0.
        let along: Double
        /// Logarithm of the squared length of the rest; it tells what the noise was divided by.
        let rest: Double
    }

    private let directions: CanaryDirections
    private let seen = Mutex<[Movement]>([])

    init(_ directions: CanaryDirections) { self.directions = directions }

    /// All so far, in the order of the releases.
    var all: [Movement] { seen.withLock { $0 } }

    /// A model is published that was `before`.
    func published(_ after: [Float], before: [Float], clippingNorm: Double) {
        let movement = zip(after, before).map { Float(Double($0 - $1) / clippingNorm) }
        let (along, squares) = movement.withUnsafeBufferPointer {
            (directions.projection(of: $0, on: 0, round: 0), CanaryDirections.product($0, $0))
        }
        seen.withLock { $0.append(Movement(along: along, rest: log(max(squares - along * along, 1e-300)))) }
    }
}
