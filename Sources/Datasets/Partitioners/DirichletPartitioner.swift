internal import Compute
package import Configuration
internal import Glibc

/// Label skew: every client draws its own class proportions around the shares that the classes have in the data (Hsu, Qi
/// and Brown 2019, section 3: q ~ Dir(a p) for prior shares p) and then its rows class by class with these odds. Client
/// sizes stay equal to within one row.
///
/// `alpha` is stated for a class of average share: of K classes one with share p has the parameter `alpha` K p, so that
/// a = `alpha` K, and balanced classes have `alpha` each.
///
/// Without replacement a class that is used up drops out and the others' odds are renormalised.
package struct DirichletPartitioner: Partitioner {
    private let alpha: Double
    private let sizes: ClientSizes
    private let minimum: Int

    package init(_ section: Section) throws {
        guard let alpha = try section.positive("alpha") else {
            throw section.error("alpha", "is missing: a number above 0; 0.1 is strong skew, 100 nearly none")
        }
        self.alpha = alpha
        sizes = try ClientSizes(section)
        minimum = try section.integer("min_examples", in: 0...Int(Int32.max)) ?? 1
    }

    package func partition(_ subject: PartitionSubject, clients: Int?, seed: UInt64) throws -> Partition {
        guard let labels = subject.labels else {
            throw PartitionProblem("label skew needs classes, but values are predicted")
        }
        let sizes = try sizes.sizes(rows: subject.count, clients: clients)
        if let smallest = sizes.min(), smallest < minimum {
            throw PartitionProblem(
                "clients get \(smallest) examples, fewer than min_examples \(minimum); use fewer clients")
        }
        var generator = SeededGenerator(seed: seed, purpose: .partition)
        var pools = ClassPools(labels: labels, classCount: subject.classCount)
        pools.shuffle(using: &generator)
        let shapes = Self.shapes(labels: labels, classCount: subject.classCount, alpha: alpha)
        var rows: [Int32] = []
        rows.reserveCapacity(sizes.reduce(0, +))
        for size in sizes {
            let odds = Self.proportions(shapes: shapes, using: &generator)
            for _ in 0..<size {
                let chosen = pools.chooseClass(odds: odds, using: &generator)
                rows.append(
                    self.sizes.withReplacement ? pools.sample(chosen, using: &generator) : pools.take(chosen))
            }
        }
        return Partition(rows: rows, sizes: sizes)
    }

    /// The parameter of each class: `alpha` times its share among the rows, over the average share. 0 for a class
    /// without rows.
    static func shapes(labels: [Int32], classCount: Int, alpha: Double) -> [Double] {
        var counts = [Int](repeating: 0, count: classCount)
        for label in labels { counts[Int(label)] += 1 }
        // Balanced classes have exactly `alpha`: a quotient of equal numbers is 1.
        return counts.map { alpha * (Double($0 * classCount) / Double(labels.count)) }
    }

    /// A draw from the Dirichlet distribution with these parameters: gamma variates, normalised in logarithms so that a
    /// small parameter does not underflow to no proportion at all. A parameter of 0 has proportion 0.
    static func proportions(shapes: [Double], using generator: inout SeededGenerator) -> [Double] {
        let logs = shapes.map { $0 > 0 ? logGamma(shape: $0, using: &generator) : -.infinity }
        let largest = logs.max() ?? 0
        let weights = logs.map { exp($0 - largest) }
        let total = weights.reduce(0, +)
        return weights.map { $0 / total }
    }

    /// The logarithm of a Gamma(shape, 1) variate (Marsaglia and Tsang 2000; below shape 1 with their boost,
    /// section 6: Gamma(a) = Gamma(a + 1) U^(1/a)).
    private static func logGamma(shape: Double, using generator: inout SeededGenerator) -> Double {
        if shape < 1 {
            let uniform = 1 - generator.uniformDouble()
            return logGamma(shape: shape + 1, using: &generator) + log(uniform) / shape
        }
        let d = shape - 1.0 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            let normal = standardNormal(using: &generator)
            let base = 1 + c * normal
            guard base > 0 else { continue }
            let v = base * base * base
            let uniform = 1 - generator.uniformDouble()
            if log(uniform) < 0.5 * normal * normal + d - d * v + d * log(v) { return log(d * v) }
        }
    }

    /// A standard normal variate (Box and Muller 1958).
    private static func standardNormal(using generator: inout SeededGenerator) -> Double {
        let radius = (-2 * log(1 - generator.uniformDouble())).squareRoot()
        return radius * cos(2 * .pi * generator.uniformDouble())
    }
}
