import Testing

@testable import AggregationServer

@Suite struct AdministratorTests {
    private static let rights: [(AdminRole, Set<AdminRight>)] = [
        (.viewer, [.see, .seeModels, .measure]),
        (.researcher, [.see, .seeModels, .submit]),
        (.auditor, [.see, .seeModels, .measure, .audit]),
        (.operator, Set(AdminRight.allCases)),
    ]

    @Test(arguments: rights) func eachRoleHasItsRights(role: AdminRole, rights: Set<AdminRight>) {
        let holder = Administrator(name: "a", role: role)
        for right in AdminRight.allCases { #expect(holder.may(right) == rights.contains(right)) }
        let narrowed = Administrator(name: "a", role: role, scopes: [.see, .operate])
        for right in AdminRight.allCases {
            #expect(narrowed.may(right) == (rights.contains(right) && [.see, .operate].contains(right)))
        }
    }

    @Test(arguments: AdminRole.allCases) func runsAreSeenAndChangedByWhoMay(role: AdminRole) {
        let holder = Administrator(name: "anna", role: role)
        #expect(holder.maySee(runSubmittedBy: "anna"))
        #expect(holder.mayChange(runSubmittedBy: "anna") == (role == .operator || role == .researcher))
        for other in [nil, "otto", "Anna", ""] {
            #expect(holder.maySee(runSubmittedBy: other) == (role != .researcher))
            #expect(holder.mayChange(runSubmittedBy: other) == (role == .operator))
        }
        let blind = Administrator(name: "anna", role: role, scopes: [.seeModels])
        #expect(!blind.maySee(runSubmittedBy: "anna") && !blind.mayChange(runSubmittedBy: "anna"))
    }
}
