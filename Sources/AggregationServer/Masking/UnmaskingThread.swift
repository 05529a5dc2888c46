internal import Federation
internal import Foundation
internal import SecureAggregation

/// A masked round whose masks can be removed.
struct UnmaskingJob: Sendable {
    let key: RoundKey
    /// The round as it stands, its masked sums with it.
    let groups: MaskedGroups
    /// The moment that its deadlines are judged by.
    let moment: Instant

    /// Removes what masks can be removed, on as many threads as there are processors.
    func run() -> Unmasked {
        var groups = groups
        do throws(SecureAggregationError) {
            // What cannot be opened yet waits for more shares: false ones may be among those that came.
            try groups.openSums(at: moment, threads: ProcessInfo.processInfo.activeProcessorCount)
            return Unmasked(key: key, result: .success(groups))
        } catch {
            return Unmasked(key: key, result: .failure(error))
        }
    }
}

/// What came of removing masks: the round as it stands then, or why nothing of it can be opened.
struct Unmasked: Sendable {
    let key: RoundKey
    let result: Result<MaskedGroups, SecureAggregationError>
}

/// Removes masks on a thread of its own. Large cohorts and models take seconds, in which agents and administrators are
/// answered.
final class UnmaskingThread: Sendable {
    private let queue: WorkQueue<UnmaskingJob>

    /// Posts results to `mailbox`.
    init(mailbox: OwnerMailbox) throws {
        // One round is open at a time; one that was given up may still be worked on.
        queue = try WorkQueue(name: "unmasking", threads: 1, capacity: 2) {
            mailbox.post(.unmasked($0.run()))
        }
    }

    /// Takes a round; false when there is no room.
    func add(_ job: UnmaskingJob) -> Bool { queue.add(job) }

    /// Works off what waits.
    func close() { queue.close() }
}
