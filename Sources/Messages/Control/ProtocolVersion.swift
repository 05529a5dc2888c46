/// What both ends of the agent protocol hold fixed.
package enum AgentProtocol {
    /// Version of the messages; a server answers another with 409.
    package static let version = 1
    /// Longest time that a check-in may ask to wait.
    package static let longestWaitSeconds = 60
    /// Header of every answer to a check-in: `active`, `stalled`, `paused` or `finished`. Of words that it does not know an
    /// agent makes nothing.
    package static let runStateHeader = "Sordino-Run-State"
    /// Header of the refusal of a part: bytes of the report that are there.
    package static let uploadOffsetHeader = "Upload-Offset"
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

    /// `GET`: a ``TaskList``, what this server runs and will run; 404 from servers of one run only.
    package static let tasksPath = "/v1/tasks"

    /// `POST` without a body: the agent leaves, and its certificate is to be revoked; 204. 404 from servers that cannot.
    package static let leavePath = "/v1/leave"

    /// The paths of one run.
    package static func paths(of run: String) -> RunPaths { RunPaths(base: "/v1/runs/\(run)") }
    /// The paths of the run that an agent was assigned last, as version 0.1.0 has them.
    package static let paths = RunPaths(base: "/v1")

    /// Where the models and rounds of one run are.
    package struct RunPaths: Equatable, Sendable {
        /// What all of them begin with.
        package let base: String

        /// `GET`: a ``TaskOffer``; 404 from a server that does not tell its task.
        package var task: String { "\(base)/task" }
        /// `GET`: the model that `round` published, 0 for the initial one; `ETag` is its SHA-256 in quotes.
        package func model(round: Int) -> String { "\(base)/models/\(round)" }
        /// `GET`: what the server's rule remembers with that model (safetensors), where the task's strategy publishes it;
        /// `ETag` is its SHA-256 in quotes. 404 elsewhere.
        package func modelState(round: Int) -> String { "\(model(round: round))/state" }
        /// `GET`: that model in few bits a parameter, where the task's `compression.download` puts models on a grid: the head
        /// of its file, and the packed parameters. 404 elsewhere, and for a model that is on no grid.
        package func packedModel(round: Int) -> String { "\(model(round: round))/packed" }
        /// `GET`: the file of the parameters that nobody trains, the same in every round; `ETag` is its SHA-256 in quotes.
        /// 404 where the task's model has none.
        package var frozenModel: String { "\(base)/models/frozen" }
        /// `PUT`: an ``UpdateHeader`` followed by the packed vector. A report may come in parts: `GET`, with `run`, `sha256`
        /// and `bytes` of the whole body in the query, tells the ``ReceivedBytes`` of it, 404 or 405 from servers that keep
        /// no parts; `PUT` with `run` and `sha256` in the query and `Content-Range: bytes N-LAST/COUNT` adds all that is
        /// missing. A refusal with ``AgentProtocol/uploadOffsetHeader`` says how much is there instead. Parts of masked
        /// reports go to the step `masked` in the same way, and are asked for here.
        package func update(round: Int) -> String { "\(base)/rounds/\(round)/update" }
        /// `PUT`: a member's message of a step of secure aggregation, `keys`, `shares`, `masked` (an ``UpdateHeader`` and
        /// the packed vector), `consistency` or `unmask`; `GET`: what the server has for the step, all but the first. The
        /// query says `run` and, for `GET`, `wait_seconds` up to ``AgentProtocol/longestWaitSeconds``; `204`: ask again.
        package func secureAggregation(round: Int, step: String) -> String {
            "\(base)/rounds/\(round)/secagg/\(step)"
        }
        /// `POST`: a ``FailureReport``.
        package func failure(round: Int) -> String { "\(base)/rounds/\(round)/failure" }
    }
}
