internal import HTTPWire
internal import Ledger
internal import Transport

/// Answers agents that follow a label: `labels/TASK/LABEL` says which version has it, in signed lines, and
/// `labels/TASK/LABEL/model` is that version's file.
struct LabelRoutes: Sendable {
    let registry: ModelRegistry

    /// The answer to a path behind `v1`; nil where it is none of these.
    func answer(_ request: HTTPRequest, _ route: [String]) -> HTTPResponse? {
        guard route.first == "labels", route.count == 3 || (route.count == 4 && route[3] == "model")
        else { return nil }
        guard route.count == 4 else {
            return RegistryRoutes(registry: registry).labelled(route[2], of: route[1])
        }
        guard let version = registry.contents.version(labelled: route[2], of: route[1]),
            let file = registry.file(of: version)
        else { return .refusal(404, "no_such_label", "this label is on no version of this task") }
        return .representation(
            file, tag: version.modelDigest, contentType: "application/octet-stream",
            request: request.head.headers)
    }
}
