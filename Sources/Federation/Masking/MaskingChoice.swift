internal import Configuration
internal import Cryptography
internal import Encoding
internal import SecureAggregation

/// What hides a plan's reports: `task.secure_aggregation.scheme` with the sizes that follow from ring and cohort.
struct MaskingChoice {
    /// Fewest coordinates whose errors tell a key that is not the sum's: a wrong one passes with 3/4 for each at most.
    private static let leastCount = 128

    private let plan: TaskPlan

    /// The choice of a plan.
    init(_ plan: TaskPlan) { self.plan = plan }

    private var isOnLattice: Bool {
        plan.masksReports && plan.configuration.secureAggregation.scheme == .lattice
    }

    /// The scheme with its sizes. Throws where there are none for the plan's ring and cohort.
    func scheme() throws(SecureAggregationError) -> MaskingScheme {
        guard isOnLattice else { return .masks }
        do throws(CryptographyError) {
            return .lattice(
                try LatticeParameters(valueBits: plan.codec.bits, memberCount: plan.maximalMembers))
        } catch { throw .cryptography(error) }
    }

    /// Throws ``ConfigurationError`` where the scheme cannot hide reports of this ring in cohorts of these sizes.
    func check() throws {
        guard isOnLattice else { return }
        func refuse(_ problem: String) -> ConfigurationError {
            ConfigurationError(path: "task.secure_aggregation.scheme", problem: "is \"lattice\": \(problem)")
        }
        guard plan.report.count >= Self.leastCount else {
            throw refuse(
                "a vector of \(plan.report.count) coordinates is too short to tell a sum that opened wrong; use \"masks\""
            )
        }
        let scheme: MaskingScheme
        do throws(SecureAggregationError) { scheme = try self.scheme() } catch {
            throw refuse("\(error); use \"masks\"")
        }
        let most = plan.maximalMembers
        let fewest = max(
            plan.minimalSurvivors, RoundBinding.survivors(share: plan.rules.minimumShare, of: most))
        let objection = scheme.objection(
            members: most, minimalSurvivors: fewest,
            adversarialRate: plan.configuration.secureAggregation.adversarialRate)
        if let objection { throw refuse("\(objection); raise min_reports or use \"masks\"") }
    }

    /// Bytes of one report on the wire, on a lattice; nil where it travels as its ring's words.
    var reportBytes: Int? {
        guard case .lattice(let parameters)? = try? scheme() else { return nil }
        return EncryptedVector.byteCount(of: plan.report.count, parameters: parameters)
    }
}
