/// What an agent says of its program in a check-in, as far as a server must heed it.
package struct AgentSoftware: Equatable, Sendable {
    /// Whether it is of version 0.1: it refuses keys of an offer that it does not know, and its masks are made another way
    /// than today's.
    package let isOfFirstVersion: Bool

    /// Reads ``CheckInRequest/software``. A program that is not known counts as one of today.
    package init(_ software: String) {
        isOfFirstVersion = software.hasPrefix("sordino-agent 0.1.")
    }
}

extension RoundOffer {
    /// The same offer in the words of version 0.1: without the keys that came later. Nothing that such an agent judges or
    /// computes depends on them.
    package var inFirstVersion: RoundOffer {
        var offer = self
        (offer.schemaSHA256, offer.state, offer.ledger, offer.hasRunPaths) = (nil, nil, nil, nil)
        return offer
    }
}
