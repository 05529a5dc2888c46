package import Ledger
package import Operations

/// How many rows at least must share their values of columns that together could tell people apart (k-anonymity: Samarati and
/// Sweeney 1998). The counts stay in this process: all that ever shows is whether the agent takes part.
package struct Crowd: Equatable, Sendable {
    /// The columns; none: nothing is counted.
    package var columns: [String]
    /// Fewest rows.
    package var size: Int

    package init(columns: [String] = [], size: Int = 0) { (self.columns, self.size) = (columns, size) }

    /// As a policy asks.
    package init(_ policy: AgentPolicy) {
        self.init(columns: policy.quasiIdentifiers, size: policy.minimalGroup)
    }

    /// Throws ``TooSmallCrowd`` where some of the rows, of which these are the texts of ``columns``, share theirs with too
    /// few.
    package func require(_ rows: [[String]]) throws {
        guard !columns.isEmpty else { return }
        var counts: [[String]: Int] = [:]
        for row in rows { counts[row, default: 0] += 1 }
        guard counts.values.allSatisfy({ $0 >= size }) else { throw TooSmallCrowd(self) }
    }
}

/// Rows that could be told apart by columns that the policy names. No count is in the text.
package struct TooSmallCrowd: ExitCoded, Equatable, CustomStringConvertible {
    package let description: String

    init(_ crowd: Crowd) {
        description =
            "some rows share their \(crowd.columns.joined(separator: ", ")) with fewer than policy.k (\(crowd.size)) rows:"
            + " make these columns coarser, or leave such rows out"
    }

    package var exitCode: ExitCode { .refused }
}
