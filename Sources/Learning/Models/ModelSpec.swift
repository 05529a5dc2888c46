package import Configuration

/// A model as a user writes it: a preset or a list of layers, before the shape of the data is known.
///
/// `{ preset: "mlp", hidden: [64, 64], classes: 10 }` or `{ layers: [ {dense: 64}, {relu: {}}, {dense: 10} ] }`.
package struct ModelSpec: Sendable, Equatable {
    /// The elements in their order, not attached to a shape yet.
    package let elements: [ModelElement]
    /// Low-rank adapters; nil where parameters themselves are trained.
    package let adapters: AdapterOptions?
    /// What parameters start from; nil where they are drawn, and in what others are told of the model.
    package let from: StartOptions?
    /// The file of frozen parameters that whoever trains the model must have; nil where the model is only described.
    package let frozenFile: FrozenDigest?
    private let frozen: [NamePattern]
    /// Patterns of the parameters that stay at each client.
    let local: [NamePattern]
    /// The specification in full, every default filled in; reading it again gives an equal one.
    package let json: JSONValue
    /// Where it stood in the configuration, for messages.
    package let path: String

    /// Reads a specification strictly. `outputs` is what a preset takes where it names neither `classes` nor
    /// `outputs`; pass the data's number of classes (or target width) where it is known. Throws
    /// ``ConfigurationError`` with the whole path.
    package init(_ value: JSONValue, path: String, outputs: Int? = nil) throws {
        let section = try Section(value, path: path)
        self.path = path
        var members: [String: JSONValue]
        var standardLocal: [String] = []
        switch (try section.string("preset"), try section.list("layers")) {
        case (let name?, nil):
            guard let preset = PresetCatalog.all.first(where: { $0.name == name }) else {
                throw section.error(
                    "preset", Section.unknownName(name, known: PresetCatalog.all.map(\.name)))
            }
            let (expanded, arguments) = try preset.expand(section, outputs)
            standardLocal = preset.local
            elements = try ModelElement.list(expanded, path: path)
            members = arguments.merging(["preset": .string(name)]) { $1 }
        case (nil, let items?):
            guard !items.isEmpty else { throw section.error("layers", "must hold at least one layer") }
            elements = try ModelElement.list(items, path: section.path.isEmpty ? "layers" : "\(path).layers")
            members = ["layers": .array(elements.map(\.json))]
        case (nil, nil):
            let names = PresetCatalog.all.map(\.name).joined(separator: ", ")
            throw section.error("preset", "is missing: give a preset (\(names)) or a list of layers")
        case (.some, .some):
            throw section.error("layers", "cannot stand beside a preset: give one of the two")
        }
        frozen = try AdapterOptions.patterns(section, "freeze")
        adapters = try section.section("adapters").map { try AdapterOptions($0) }
        guard frozen.isEmpty || adapters == nil else {
            throw section.error("freeze", "cannot stand beside adapters, which freeze all but adapters.train")
        }
        if !frozen.isEmpty { members["freeze"] = .array(frozen.map { .string($0.text) }) }
        if let adapters { members["adapters"] = adapters.json }
        local =
            section.value("local") == nil
            ? standardLocal.map { NamePattern(text: $0) } : try AdapterOptions.patterns(section, "local")
        if !(local.isEmpty && standardLocal.isEmpty) {
            members["local"] = .array(local.map { .string($0.text) })
        }
        from = try section.value("from").map { try StartOptions($0, path: "\(path).from") }
        if let from { members["from"] = from.json }
        frozenFile = try section.section("frozen").map { try FrozenDigest($0) }
        if let frozenFile { members["frozen"] = frozenFile.json }
        json = .object(members)
        try section.finish()
    }

    /// The specification as others are told of it: the file that they need in place of the file that it came from.
    package func published(frozenFile: FrozenDigest?) throws -> ModelSpec {
        guard case .object(var members) = json else { return self }
        members["from"] = nil
        members["frozen"] = frozenFile?.json
        return try ModelSpec(.object(members), path: path)
    }

    /// The specification of the model all of whose parameters are trained: the one that ``Model/merged(_:frozen:)`` yields.
    package func merged() throws -> ModelSpec { try without(["from", "frozen", "freeze", "adapters"]) }

    /// The specification of the model that has one value for all of each parameter that stays at the clients.
    func withoutLocal() throws -> ModelSpec { try without([]) }

    // Without the keys, and with no parameter that stays at clients, whatever the preset has by itself.
    private func without(_ keys: [String]) throws -> ModelSpec {
        guard case .object(var members) = json else { return self }
        for key in keys { members[key] = nil }
        if !local.isEmpty { members["local"] = .array([]) }
        return try ModelSpec(.object(members), path: path)
    }

    /// Whether a parameter of this name stays as it is. An adapter's own never do.
    func freezes(_ name: String) -> Bool {
        guard let adapters else { return frozen.contains { $0.matches(name) } }
        return !AdaptedDenseLayer.adapterTensors.contains { name.hasSuffix("." + $0) }
            && !adapters.alsoTrained.contains { $0.matches(name) }
    }

    /// Whether some parameters are trained at each client and never sent.
    package var keepsLocalParameters: Bool { !local.isEmpty }
    /// Whether a parameter of this name is.
    func keepsLocal(_ name: String) -> Bool { local.contains { $0.matches(name) } }

    package static func == (left: ModelSpec, right: ModelSpec) -> Bool { left.json == right.json }
}
