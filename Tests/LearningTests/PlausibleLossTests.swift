import Compute
import Foundation
import Testing

@testable import Learning

@Suite struct PlausibleLossTests {
    @Test(arguments: [2, 10, 1000]) func theUniformGuessIsPlausible(classes: Int) {
        let plausible = PlausibleLoss(.classes([0, 1], count: classes))
        #expect(!plausible.isExceeded(by: 0) && !plausible.isExceeded(by: 10 * log(Double(classes))))
        #expect(plausible.isExceeded(by: 1000 * log(Double(classes))))
    }

    /// Prices in units have losses of 10^10 and nothing is wrong with them.
    @Test(arguments: [Float(1e-3), 1, 1e5]) func valuesSetTheirOwnScale(size: Float) {
        let plausible = PlausibleLoss(.values([size, -size, size], width: 1))
        #expect(!plausible.isExceeded(by: Double(size) * Double(size)))
        #expect(plausible.isExceeded(by: 1e4 * max(1, Double(size) * Double(size))))
    }

    @Test(arguments: [Double.nan, .infinity, 1e300]) func whatIsNoLossIsExceeded(loss: Double) {
        #expect(PlausibleLoss(.classes([], count: 2)).isExceeded(by: loss))
    }
}
