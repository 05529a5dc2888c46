@testable import Federation

/// Faults that tests plant, and no configuration can.
enum AuditFaults {
    /// The plan, dividing sums by the reports that came.
    static func dividingByReports(_ plan: TaskPlan) -> TaskPlan {
        var plan = plan
        plan.divisor = .weights
        return plan
    }
}
