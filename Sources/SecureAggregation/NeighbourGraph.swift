internal import Cryptography

/// The communication graph: members on a ring in a random order, each the neighbour of the k/2 before and the
/// k/2 after it; everybody of everybody where k = n - 1 (Bell et al. 2020, figure 2).
///
/// The order follows from the roster's hash, which covers every member's fresh keys, so that all compute the
/// same graph and no honest party chooses it. A server together with corrupt members can still try many sets
/// of keys; that is why the failure bounds are 2^-40 and not merely small.
struct NeighbourGraph: Sendable {
    private let degree: Int
    private let order: [UInt16]
    private let places: [UInt16]

    /// The graph of `parameters` in the order given by a 32-byte seed.
    init(parameters: SecureAggregationParameters, seed: [UInt8]) throws(SecureAggregationError) {
        degree = parameters.degree
        let count = parameters.cohortSize
        var order = (0..<count).map { UInt16($0) }
        if !parameters.isComplete {
            var words = try PublicWords(seed: seed)
            for last in stride(from: count - 1, to: 0, by: -1) {
                order.swapAt(last, try words.next(below: last + 1))
            }
        }
        var places = [UInt16](repeating: 0, count: count)
        for (place, member) in order.enumerated() { places[Int(member)] = UInt16(place) }
        self.order = order
        self.places = places
    }

    /// The neighbours of a member, in ascending order of their roster indices.
    func neighbours(of member: Int) -> [Int] {
        let count = order.count
        if degree == count - 1 { return (0..<count).filter { $0 != member } }
        let place = Int(places[member])
        var neighbours: [Int] = []
        for distance in 1...degree / 2 {
            neighbours.append(Int(order[(place + distance) % count]))
            neighbours.append(Int(order[(place + count - distance) % count]))
        }
        return neighbours.sorted()
    }
}

/// Uniform numbers that everybody can recompute from a public seed.
private struct PublicWords {
    private var stream: PseudorandomStream
    private var words = [UInt32](repeating: 0, count: 1024)
    private var used = 1024

    /// The numbers of a public seed.
    init(seed: [UInt8]) throws(SecureAggregationError) {
        stream = try cryptographic { () throws(CryptographyError) in
            try PseudorandomStream(
                key: SecretBytes(copying: SHA256.hash([UInt8]("sordino secagg graph v1\u{0}".utf8) + seed)))
        }
    }

    /// A uniform number below `bound`, by rejection.
    mutating func next(below bound: Int) throws(SecureAggregationError) -> Int {
        let bound = UInt32(bound)
        let limit = UInt32.max - UInt32.max % bound
        while true {
            let word = try next()
            if word < limit { return Int(word % bound) }
        }
    }

    private mutating func next() throws(SecureAggregationError) -> UInt32 {
        if used == words.count {
            var failure: CryptographyError?
            words.withUnsafeMutableBytes { bytes in
                do throws(CryptographyError) { try stream.fill(bytes) } catch { failure = error }
            }
            if let failure { throw .cryptography(failure) }
            used = 0
        }
        used += 1
        return UInt32(littleEndian: words[used - 1])
    }
}
