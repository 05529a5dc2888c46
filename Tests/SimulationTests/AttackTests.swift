import Compute
import Configuration
import Federation
import Learning
import Testing

@testable import Simulation

/// What every attack of the catalog does, held against an example: one without an example fails.
@Suite struct AttackTests {
    private func attack(_ text: String) throws -> any Attack {
        try AttackConfiguration(
            Section(JSONValue(json5: text.utf8, source: "test"), path: "simulation.attack")
        ).attack
    }

    static let square: [[Float]] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    static let round = AttackedRound(clients: 10, hostile: 2)

    /// What is sent in place of the update (4, 5, 6), or given the honest updates of ``square``; nil where the update is sent
    /// as it is. The vectors of ByzFL 0.0.11 where it has the attack; Min-Max by hand: two rows are √108 apart at most, and
    /// μ − γσ reaches that from (7, 8, 9) at γ = 1.
    static let examples: [String: [(text: String, sent: [Float]?)]] = [
        "label-flip": [("{name: 'label-flip'}", nil)],
        "sign-flip": [
            ("{name: 'sign-flip'}", [-4, -5, -6]), ("{name: 'sign-flip', scale: 2.5}", [-10, -12.5, -15]),
        ],
        "gaussian": [("{name: 'gaussian', deviation: 1e-3}", [0, 0, 0])],
        "zero": [("{name: 'zero'}", [0, 0, 0])],
        "little-is-enough": [
            // Towards the other side: ByzFL adds where the paper subtracts.
            ("{name: 'little-is-enough', z: -1.5}", [8.5, 9.5, 10.5]),
            ("{name: 'little-is-enough', z: 1.5}", [-0.5, 0.5, 1.5]),
            // s = 4 of 8 honest: z = Φ⁻¹(1/2) = 0.
            ("{name: 'little-is-enough'}", [4, 5, 6]),
        ],
        "inner-product": [("{name: 'inner-product', scale: 2}", [-8, -10, -12])],
        "min-max": [
            ("{name: 'min-max'}", [1, 2, 3]), ("{name: 'min-max', direction: 'sign'}", [1, 2, 3]),
        ],
        "back-door": [("{name: 'back-door'}", nil)],
        "model-replacement": [
            ("{name: 'model-replacement'}", [20, 25, 30]),
            ("{name: 'model-replacement', boost: 3}", [12, 15, 18]),
        ],
        "false-metrics": [("{name: 'false-metrics'}", nil)],
    ]

    @Test func everyAttackHasAnExample() {
        let names = AttackCatalog.all.map { $0.name }
        #expect(Set(names).count == names.count && Set(names) == Set(Self.examples.keys))
    }

    @Test func examplesHold() throws {
        for (text, sent) in Self.examples.values.joined() {
            let attack = try attack(text)
            var update: [Float] = [4, 5, 6]
            if attack.watchesHonest {
                update = attack.crafted(from: HonestUpdates(Self.square), in: Self.round)
            } else {
                var generator = SeededGenerator(seed: 1, purpose: .attack)
                update.withUnsafeMutableBufferPointer {
                    attack.distort($0, in: Self.round, using: &generator)
                }
            }
            for (value, expected) in zip(update, sent ?? [4, 5, 6]) {
                #expect(abs(value - expected) < 1e-2, "\(text): \(update)")
            }
        }
    }

    /// The figures of `n` = 50 in the paper's formula.
    @Test(arguments: [(50, 10, 0.253), (50, 24, 1.426), (10, 2, 0), (4, 3, 0)])
    func deviationsFollowTheClients(_ clients: Int, _ hostile: Int, _ z: Double) {
        #expect(abs(LittleIsEnough.deviations(clients: clients, hostile: hostile) - z) < 1e-3 || clients == 4)
        #expect(LittleIsEnough.deviations(clients: clients, hostile: hostile).isFinite)
    }

    /// Min-Max goes as far as it may and no further, along each of its ways.
    @Test(arguments: MinMax.Direction.allCases) func minMaxIsAtItsLimit(_ direction: MinMax.Direction) throws
    {
        var random = SeededGenerator(seed: 4, purpose: .test)
        let rows = (0..<9).map { _ in (0..<2100).map { _ in Float(random.normal() + 0.5) } }
        func squaredDistance(_ a: [Float], _ b: [Float]) -> Double {
            zip(a, b).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        }
        let limit = rows.map { row in rows.map { squaredDistance(row, $0) }.max() ?? 0 }.max() ?? 0
        let honest = HonestUpdates(rows)
        #expect(abs(honest.greatestSquaredDistance() - limit) < 1e-5 * limit)
        let crafted = try attack("{name: 'min-max', direction: '\(direction.rawValue)'}")
            .crafted(from: honest, in: Self.round)
        let farthest = rows.map { squaredDistance($0, crafted) }.max() ?? 0
        #expect(abs(farthest - limit) < 1e-4 * limit)
    }

    private static let images = Examples(
        count: 40, featureShape: [1, 6, 6],
        features: .bytes([UInt8](repeating: 7, count: 40 * 36), scale: 1 / 255),
        targets: .classes((0..<40).map { Int32($0 % 4) }, count: 4))

    @Test func labelsTurnRound() throws {
        var generator = SeededGenerator(seed: 1, purpose: .attack)
        let flipped = try attack("{name: 'label-flip'}").poisoned(Self.images, using: &generator)
        guard case .classes(let labels, 4) = flipped.targets else {
            return #expect(Bool(false), "no classes")
        }
        let expected: [Int32] = (0..<40).map { Int32(3 - $0 % 4) }
        #expect(labels == expected)
    }

    /// A share of the images bears the pattern, and those the target's label; the others stay.
    @Test(arguments: ["back-door", "model-replacement"]) func backDoors(_ name: String) throws {
        let attack = try attack("{name: '\(name)', pattern: 2, target: 3, marked_share: 0.5}")
        var generator = SeededGenerator(seed: 1, purpose: .attack)
        let poisoned = attack.poisoned(Self.images, using: &generator)
        guard case .classes(let labels, 4) = poisoned.targets, case .bytes(let pixels, _) = poisoned.features
        else {
            return #expect(Bool(false), "other data")
        }
        var marked = 0
        for row in 0..<40 {
            let image = Array(pixels[row * 36..<(row + 1) * 36])
            let bright = image.indices.filter { image[$0] == 255 }
            if bright.isEmpty {
                #expect(labels[row] == Int32(row % 4))
            } else {
                marked += 1
                #expect(bright == [28, 29, 34, 35] && labels[row] == 3)
            }
        }
        #expect(marked > 10 && marked < 30)
        let probe = try #require(attack.trigger?.probe(Self.images))
        guard case .classes(let wanted, _) = probe.targets else { return #expect(Bool(false), "no classes") }
        #expect(probe.count == 30 && wanted.allSatisfy { $0 == 3 })
    }

    @Test func metricsAreClaimed() throws {
        let honest = ClientMetrics(loss: 0.5, accuracy: 0.8, examples: 20)
        let claimed = try attack("{name: 'false-metrics', accuracy: 1, loss: 0}").claimed(honest)
        #expect(claimed == ClientMetrics(loss: 0, accuracy: 1, examples: 20))
        #expect(try attack("{name: 'zero'}").claimed(honest) == honest)
    }

    @Test(arguments: [
        ("{}", "name"), ("{name: 'nought'}", "name"), ("{name: 'zero', share: 1}", "share"),
        ("{name: 'zero', scale: 1}", "scale"), ("{name: 'sign-flip', scale: 0}", "scale"),
        ("{name: 'min-max', direction: 'up'}", "direction"), ("{name: 'back-door', pattern: 0}", "pattern"),
        ("{name: 'back-door', marked_share: 0}", "marked_share"),
    ]) func badSections(_ text: String, _ key: String) {
        let error = #expect(throws: ConfigurationError.self) { try self.attack(text) }
        #expect(error?.path == "simulation.attack.\(key)")
    }

    /// An attack that the data give no meaning is refused before a round is played.
    @Test(arguments: ["{name: 'back-door'}", "{name: 'back-door', target: 4, pattern: 1}"])
    func dataWithoutMeaning(_ text: String) throws {
        var setup = try SimulatorFixture.setup()
        setup.attack = try AttackConfiguration(
            Section(JSONValue(json5: text.utf8, source: "test"), path: "simulation.attack"))
        #expect(throws: ConfigurationError.self) { try Simulator(setup, journal: SilentJournal()) }
    }

    /// The hostile are a fixed share, drawn from the seed.
    @Test func hostileClientsAreDrawn() throws {
        let section = try Section(
            JSONValue(json5: "{name: 'zero', share: 0.25}".utf8, source: "test"), path: "simulation.attack")
        let configuration = try AttackConfiguration(section)
        let drawn = configuration.hostileClients(of: 40, seed: 1)
        #expect(drawn.count == 10 && drawn.allSatisfy { (0..<40).contains($0) })
        #expect(drawn == configuration.hostileClients(of: 40, seed: 1))
        #expect(drawn != configuration.hostileClients(of: 40, seed: 2))
    }

    /// An attack of somebody else's: one type, and one line in a catalog.
    private struct Shift: Attack {
        init(_ section: Section) {}
        func distort(
            _ update: UnsafeMutableBufferPointer<Float>, in round: AttackedRound,
            using generator: inout SeededGenerator
        ) {
            for index in update.indices { update[index] += 0.1 }
        }
    }

    @Test func anAttackIsOneType() throws {
        let section = try Section(
            JSONValue(json5: "{name: 'shift', share: 0.5}".utf8, source: "test"), path: "simulation.attack")
        var setup = try SimulatorFixture.setup()
        func sum() throws -> Float { try SimulatorFixture.run(setup).progress.parameters.values.reduce(0, +) }
        let honest = try sum()
        setup.attack = try AttackConfiguration(name: "shift", attack: Shift.self, section)
        #expect(try sum() > honest + 1)
    }
}
