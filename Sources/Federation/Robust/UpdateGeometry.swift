/// How long the updates of a round are and how far apart: all that a rule needs to know of them. From one matrix of inner
/// products, which also tells this of every linear combination of them.
package struct UpdateGeometry: Sendable {
    /// Number of updates.
    package let count: Int
    /// Which updates are finite, and not so long that their square is not.
    package private(set) var isUsable: [Bool]
    /// Inner products, [count, count], in squared model units; empty where they were not measured. Those of an update that is
    /// not usable are 0.
    private let products: [Double]

    /// Updates of which nothing but their number is known.
    init(count: Int) {
        self.count = count
        isUsable = [Bool](repeating: true, count: count)
        products = []
    }

    /// Updates with these inner products, [count, count]: the lower triangle is read.
    init(count: Int, products: [Double]) {
        precondition(products.count == count * count, "a matrix of another size")
        self.count = count
        isUsable = (0..<count).map { products[$0 * count + $0].isFinite }
        var whole = products
        for i in 0..<count {
            for j in 0...i {
                let value = isUsable[i] && isUsable[j] ? products[i * count + j] : 0
                whole[i * count + j] = value
                whole[j * count + i] = value
            }
        }
        self.products = whole
    }

    /// Updates with these squared norms; their distances are not known.
    init(squaredNorms: [Double]) {
        let count = squaredNorms.count
        var products = [Double](repeating: 0, count: count * count)
        for place in 0..<count { products[place * count + place] = squaredNorms[place] }
        self.init(count: count, products: products)
    }

    /// ⟨xᵢ, xⱼ⟩; 0 where one of them is not usable.
    package func product(_ i: Int, _ j: Int) -> Double { products[i * count + j] }

    /// ‖xᵢ‖; infinite where it is not usable.
    package func norm(_ i: Int) -> Double { isUsable[i] ? product(i, i).squareRoot() : .infinity }

    /// ‖xᵢ − xⱼ‖²; infinite where one of two different updates is not usable.
    package func squaredDistance(_ i: Int, _ j: Int) -> Double {
        if i == j { return 0 }
        guard isUsable[i], isUsable[j] else { return .infinity }
        return max(0, product(i, i) + product(j, j) - 2 * product(i, j))
    }

    /// The distances of all updates from Σ weightⱼ xⱼ; infinite for those that are not usable.
    package func distances(from weights: [Double]) -> [Double] {
        var towards = [Double](repeating: 0, count: count)
        for i in 0..<count {
            var sum = 0.0
            for j in 0..<count { sum += product(i, j) * weights[j] }
            towards[i] = sum
        }
        var squared = 0.0
        for i in 0..<count { squared += weights[i] * towards[i] }
        return (0..<count).map { i in
            guard isUsable[i] else { return .infinity }
            return max(0, product(i, i) - 2 * towards[i] + squared).squareRoot()
        }
    }

    /// Places of the least `few` of these values, the first of equal ones first, ascending by value. Infinite and
    /// undefined values come last.
    package static func least(_ few: Int, of values: [Double]) -> [Int] {
        func key(_ place: Int) -> Double { values[place].isNaN ? .infinity : values[place] }
        let order = values.indices.sorted { (key($0), $0) < (key($1), $1) }
        return Array(order.prefix(few))
    }

    /// The geometry of combinations of these updates.
    func mixed(by mixing: RowMixing) -> UpdateGeometry {
        precondition(mixing.inputs == count, "a mixture of other updates")
        let outputs = mixing.outputs
        // M G Mᵀ, by way of M G.
        var left = [Double](repeating: 0, count: outputs * count)
        for row in 0..<outputs {
            for i in 0..<count where mixing[row, i] != 0 {
                let weight = mixing[row, i]
                for j in 0..<count { left[row * count + j] += weight * product(i, j) }
            }
        }
        var mixed = [Double](repeating: 0, count: outputs * outputs)
        for row in 0..<outputs {
            for other in 0...row {
                var sum = 0.0
                for j in 0..<count { sum += left[row * count + j] * mixing[other, j] }
                mixed[row * outputs + other] = sum
            }
        }
        var geometry = UpdateGeometry(count: outputs, products: mixed)
        for row in 0..<outputs where !mixing.isUsable[row] { geometry.isUsable[row] = false }
        return geometry
    }
}
