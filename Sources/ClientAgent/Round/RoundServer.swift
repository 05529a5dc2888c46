internal import Messages
internal import Operations
internal import Transport

/// The server whose rounds are served now.
package struct RoundServer {
    /// `host:port`.
    package let name: String
    package let link: ServerLink
    package let masking: MaskingSettings
    /// Whether it is one of several, whose runs must not be taken for one another's.
    package let isOneOfSeveral: Bool

    package init(
        link: ServerLink, masking: MaskingSettings, isOneOfSeveral: Bool = false
    ) {
        name = link.client.configuration.server.description
        self.link = link
        self.masking = masking
        self.isOneOfSeveral = isOneOfSeveral
    }

    /// Why a run is not this server's; nil where it may be. Throws a storage ``Failure``.
    func refusal(of run: String, in state: StateDirectory) throws -> OwnParticipation.Refusal? {
        guard isOneOfSeveral, let home = try RunHome.read(run, in: state), home.server != name else {
            return nil
        }
        return OwnParticipation.Refusal(reason: .policy, text: "the run is another server's")
    }

    /// Whether a report of a run that waits goes to this server, by the paths that the run has there. Throws a storage
    /// ``Failure``.
    func takesPaths(of run: String, in state: StateDirectory) throws -> Bool {
        let home = try RunHome.read(run, in: state)
        link.paths = home?.hasRunPaths == true ? AgentProtocol.paths(of: run) : AgentProtocol.paths
        return !isOneOfSeveral || home?.server == name
    }

    /// Whether runs are served beside the one whose paths are taken.
    var servesOthers: Bool { isOneOfSeveral || link.paths != AgentProtocol.paths }

    /// Takes the paths of an assignment's run.
    func takePaths(of offer: RoundOffer) {
        link.paths = offer.hasRunPaths == true ? AgentProtocol.paths(of: offer.run) : AgentProtocol.paths
    }
}
