/// What both ends of the agent protocol hold fixed.
package enum AgentProtocol {
    /// Version of the messages; a server answers another with 409.
    package static let version = 1
    /// Longest time that a check-in may ask to wait.
    package static let longestWaitSeconds = 60
    /// Header of every answer to a check-in: `active`, `stalled`, `paused` or `finished`. Of words that it does not know an
    /// agent makes nothing.
    package static let runStateHeader = "Sordino-Run-State"
    /// Bytes of a run's identity; written as twice as many lower-case hexadecimal digits.
    package static let runBytes = 16

    /// `POST`: a ``CheckInRequest``; `200` a ``RoundOffer``, or `204` with `Retry-After`.
    package static let checkInPath = "/v1/check-in"
    /// `GET`: a ``TaskOffer``; 404 from a server that does not tell its task.
    package static let taskPath = "/v1/task"
    /// `POST`: an ``EnrolmentRequest``, answered by a ``CertificateAnswer``.
    package static let enrolmentPath = "/v1/enroll"
    /// `POST`: a ``RenewalRequest``, answered by a ``CertificateAnswer``.
    package static let renewalPath = "/v1/renew"
    /// `GET`: the authority's revocation list, PEM, from its own process, and from a server that has it in its files, whose
    /// `ETag` tells lists apart; 404 from one that has none.
    package static let revocationListPath = "/v1/crl"
    /// Bytes of the longest list that is read.
    package static let longestRevocationList = 16 << 20

    /// `GET`: the model that `round` published, 0 for the initial one; `ETag` is its SHA-256 in quotes.
    package static func modelPath(round: Int) -> String { "/v1/models/\(round)" }
    /// `GET`: what the server's rule remembers with that model (safetensors), where the task's strategy publishes it; `ETag`
    /// is its SHA-256 in quotes. 404 elsewhere.
    package static func modelStatePath(round: Int) -> String { "\(modelPath(round: round))/state" }
    /// `GET`: that model in few bits a parameter, where the task's `compression.download` puts models on a grid: the head of its
    /// file, and the packed parameters. 404 elsewhere, and for a model that is on no grid.
    package static func packedModelPath(round: Int) -> String { "\(modelPath(round: round))/packed" }
    /// `GET`: the file of the parameters that nobody trains, the same in every round; `ETag` is its SHA-256 in quotes. 404
    /// where the task's model has none.
    package static let frozenModelPath = "/v1/models/frozen"
    /// `PUT`: an ``UpdateHeader`` followed by the packed vector.
    package static func updatePath(round: Int) -> String { "/v1/rounds/\(round)/update" }
    /// `PUT`: a member's message of a step of secure aggregation, `keys`, `shares`, `masked` (an ``UpdateHeader`` and
    /// the packed vector), `consistency` or `unmask`; `GET`: what the server has for the step, all but the first. The
    /// query says `run` and, for `GET`, `wait_seconds` up to ``longestWaitSeconds``; `204`: ask again.
    package static func secureAggregationPath(round: Int, step: String) -> String {
        "/v1/rounds/\(round)/secagg/\(step)"
    }
    /// `POST`: a ``FailureReport``.
    package static func failurePath(round: Int) -> String { "/v1/rounds/\(round)/failure" }
}
