internal import Configuration

/// Models that are no network.
enum TreePresets {
    /// Gradient-boosted trees: one layer, with its own keys.
    @Sendable
    static func trees(
        _ section: Section, outputs: Int?
    ) throws -> ([JSONValue], [String: JSONValue]) {
        var members: [String: JSONValue] = [:]
        for key in TreeOptions.keys { members[key] = section.value(key) }
        if members["classes"] == nil, members["outputs"] == nil {
            members["classes"] = outputs.map { .integer(max(2, $0)) }
        }
        let options = try TreeOptions(Section(.object(members), path: section.path))
        return ([.object([TreesLayer.kind: .object(options.arguments)])], options.arguments)
    }
}
