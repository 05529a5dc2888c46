internal import Cryptography
internal import Custody
internal import Federation
internal import Operations
internal import Privacy

/// The server's noise of a round. It knows no other than secure noise, and nothing can hand it one.
struct ServerNoise: ServerNoiseSources {
    /// The key of noise over rounds (DP-FTRL); nil where the plan has none.
    let treeKey: SharedSecret?
    let history: NoiseHistory

    func fresh() throws -> SecureNoise { try SecureNoise() }

    /// A keystream, so that a later round draws the same again to take it back out.
    func keyed(step: Int) throws -> KeyedNoise {
        guard let treeKey else { throw Failure(.internalFault, "noise over rounds without its key") }
        return try KeyedNoise(key: treeKey.bytes, .serverTree, number: step)
    }
}
