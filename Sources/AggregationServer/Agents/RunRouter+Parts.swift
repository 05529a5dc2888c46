internal import Encoding
internal import Federation

extension RunRouter {
    /// What an agent's requests about its report of a round are about, as the board has it now.
    func subject(_ agent: AgentIdentity, _ round: Int) -> PartialReports.Subject {
        let isMasked = plan.masksReports
        let (key, admission, known) = board.read { board in
            let key = RoundKey(run: board.run, round: round)
            let shown = board.rounds[key]
            guard !isMasked else {
                let isMember = shown?.members.contains(agent.name) == true
                return (key, isMember ? RoundBoard.UpdateAdmission.report : .turnedAway, String?.none)
            }
            return (key, shown?.admission(of: agent.name) ?? .turnedAway, shown?.digest(of: agent.name))
        }
        return PartialReports.Subject(
            agent: agent, form: isMasked ? maskedForm(key) : form(key), admission: admission, known: known)
    }

    /// What a masked report must look like.
    func maskedForm(_ key: RoundKey) -> UpdateForm {
        UpdateForm(
            key: key, count: plan.report.count, bits: plan.codec.bits, isUniform: true,
            squaredNormBound: nil, floatScale: nil, compressor: nil)
    }

    private func form(_ key: RoundKey) -> UpdateForm {
        let privacy = plan.privacy
        return UpdateForm(
            key: key, count: plan.report.count, bits: plan.codec.bits,
            isUniform: plan.weighsUniformly,
            squaredNormBound: privacy?.configuration.mode == .central
                ? privacy.map { $0.squaredNormBound + ($0.adaptiveClipping == nil ? 0 : 1) } : nil,
            floatScale: plan.sendsFloats ? plan.codec.scale : nil,
            compressor: plan.compression?.compressor)
    }
}
