package import Configuration

/// y = body(x) + skip(x), where skip is x itself unless it has layers of its own (He et al. 2016, section 3.1).
///
/// `{residual: [{dense: 64}]}` or `{residual: {body: […], skip: […]}}`.
package struct ResidualLayer: CompositeLayer {
    package static let kind = "residual"
    package static let shorthand: String? = "body"

    private let body: [ModelElement]
    private let skip: [ModelElement]

    package init(_ section: Section) throws {
        guard let items = try section.list("body") else {
            throw section.error("body", "is missing: a list of layers whose output is added to their input")
        }
        body = try ModelElement.list(items, path: "\(section.path).body")
        skip =
            try section.list("skip").flatMap { $0.isEmpty ? nil : $0 }.map {
                try ModelElement.list($0, path: "\(section.path).skip")
            } ?? []
    }

    package var arguments: [String: JSONValue] {
        ["body": .array(body.map(\.json)), "skip": .array(skip.map(\.json))]
    }

    package func parts(for input: ActivationShape) -> CompositeParts { .sum(body: body, skip: skip) }
}
