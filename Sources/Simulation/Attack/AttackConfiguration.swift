internal import Compute
package import Configuration

/// The `simulation.attack` section: which attack, by how many of the clients.
package struct AttackConfiguration: Sendable {
    /// Name of the attack as written in scenarios.
    package let name: String
    package let attack: any Attack
    /// Share of all clients that are hostile.
    package let share: Double

    /// Reads the section. Throws ``ConfigurationError`` for a name that is not in the catalog, and for keys that neither the
    /// section nor the attack knows.
    package init(_ section: Section) throws {
        let known = AttackCatalog.all
        guard let name = try section.string("name") else {
            throw section.error("name", "is missing: one of \(known.map { $0.name }.joined(separator: ", "))")
        }
        guard let entry = known.first(where: { $0.name == name }) else {
            throw section.error("name", Section.unknownName(name, known: known.map { $0.name }))
        }
        try self.init(name: name, attack: entry.attack, section)
    }

    /// An attack that need not be in the catalog, with the section's keys.
    package init(name: String, attack: any Attack.Type, _ section: Section) throws {
        _ = section.value("name")
        self.name = name
        self.attack = try attack.init(section)
        share =
            try section.number("share", expected: "a number from 0 to below 1") { $0 >= 0 && $0 < 1 } ?? 0.2
        try section.finish()
    }

    /// The section with every default filled in.
    package var json: JSONValue {
        let own: [String: JSONValue] = ["name": .string(name), "share": .number(share)]
        return .object(attack.settings.merging(own) { $1 })
    }

    /// The hostile ones of so many clients: their share, rounded, drawn from the seed.
    package func hostileClients(of clients: Int, seed: UInt64) -> Set<Int> {
        var order = (0..<clients).map { Int32($0) }
        var generator = SeededGenerator(seed: seed, purpose: .attack)
        order.withUnsafeMutableBufferPointer { generator.shuffle($0) }
        return Set(order.prefix(Int((share * Double(clients)).rounded())).map(Int.init))
    }
}
