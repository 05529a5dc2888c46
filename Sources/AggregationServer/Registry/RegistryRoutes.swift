internal import Configuration
internal import Cryptography
internal import Foundation
internal import HTTPWire
internal import Ledger
internal import Operations
internal import Transport

/// Answers administrators about the registry of models.
struct RegistryRoutes: Sendable {
    /// Versions that one answer has of a task: the newest.
    static let mostVersions = 200

    let registry: ModelRegistry

    /// What a token must be good for; nil where the path is none of these.
    func right(_ method: HTTPMethod, _ route: [String]) -> AdminRight? {
        guard route.dropFirst().first == "registry" else { return nil }
        switch (method, route.count, route.last ?? "") {
        case (.get, 2, _): return .seeModels
        case (.get, 5, _) where ["models", "labels"].contains(route[3]): return .seeModels
        case (.post, 4, "promote"), (.post, 4, "rollback"): return .promote
        default: return nil
        }
    }

    /// Answers a request whose ``right(_:_:)`` was looked at.
    func answer(_ request: HTTPRequest, _ route: [String], _ caller: Administrator) -> RequestDecision {
        guard request.head.method == .post else { return .respond(show(request, route, caller)) }
        let target = request.head.target
        let (version, label) = (target.parameter("version"), target.parameter("label"))
        // Orders say all in their path: a body, if one comes, is dropped.
        let sink = CollectingSink { _ in
            .respond(move(route[2], promotes: route[3] == "promote", version, label, caller))
        }
        return .receive(limit: 1024, reserving: nil, sink: sink)
    }

    // MARK: What there is

    private func show(_ request: HTTPRequest, _ route: [String], _ caller: Administrator) -> HTTPResponse {
        let contents = registry.contents
        if route.count == 2 { return Self.json(200, list(contents, caller)) }
        let version =
            route[3] == "models"
            ? Int(route[4]).flatMap { contents.version($0, of: route[2]) }
            : contents.version(labelled: route[4], of: route[2])
        guard let version, caller.mayFetch(modelsOfRunSubmittedBy: version.submitter) else {
            return .refusal(404, "no_such_model", "the registry has no such version")
        }
        if route[3] == "labels" { return labelled(route[4], of: route[2]) }
        guard let file = registry.file(of: version) else {
            return .refusal(404, "no_such_model", "this version's file is not kept")
        }
        var response = HTTPResponse.representation(
            file, tag: version.modelDigest, contentType: "application/octet-stream",
            request: request.head.headers)
        response.headers["Content-Disposition"] =
            "attachment; filename=\"version-\(version.version).safetensors\""
        return response
    }

    /// The newest versions of each task of which the caller may see any, and where the labels are.
    private func list(_ contents: RegistryState, _ caller: Administrator) -> JSONValue {
        let tasks = contents.versions.keys.sorted().compactMap { task -> JSONValue? in
            let versions = (contents.versions[task] ?? []).filter {
                caller.mayFetch(modelsOfRunSubmittedBy: $0.submitter)
            }
            guard !versions.isEmpty else { return nil }
            let seen = Set(versions.map(\.version))
            let labels = (contents.labels[task] ?? [:]).compactMapValues(\.last).filter {
                seen.contains($0.value)
            }
            return .object([
                "task": .string(task), "labels": .object(labels.mapValues { .integer($0) }),
                "versions": .array(versions.suffix(Self.mostVersions).map { JSONValue($0.fields) }),
            ])
        }
        return .object(["public_key": .string(registry.publicKey), "tasks": .array(tasks)])
    }

    /// What whoever follows a label is told: the version, and the signed lines that say so.
    func labelled(_ label: String, of task: String) -> HTTPResponse {
        guard let lines = registry.lines(labelled: label, of: task),
            let version = registry.contents.version(labelled: label, of: task)
        else { return .refusal(404, "no_such_label", "this label is on no version of this task") }
        return Self.json(
            200,
            .object([
                "task": .string(task), "label": .string(label), "version": .integer(version.version),
                "sha256": .string(version.modelDigest), "bytes": .integer(version.bytes),
                "public_key": .string(registry.publicKey), "version_line": .string(lines.version),
                "label_line": .string(lines.label),
            ]))
    }

    // MARK: Labels

    private func move(
        _ task: String, promotes: Bool, _ version: String?, _ label: String?, _ caller: Administrator
    ) -> HTTPResponse {
        guard let label, (try? CertificateName.check(label)) != nil else {
            return .refusal(400, "label", "label must be 1 to 64 letters, digits, '.', '-' or '_'")
        }
        do {
            let moved: ModelVersion
            if promotes {
                guard let number = version.flatMap({ Int($0) }) else {
                    return .refusal(400, "version", "version must be a number")
                }
                moved = try registry.promote(number, of: task, to: label, actor: caller.name)
            } else {
                guard version == nil else {
                    return .refusal(
                        400, "version", "a rollback goes to the version before, and names none")
                }
                moved = try registry.rollBack(label, of: task, actor: caller.name)
            }
            return Self.json(
                200,
                .object([
                    "task": .string(task), "label": .string(label), "version": .integer(moved.version),
                    "sha256": .string(moved.modelDigest),
                ]))
        } catch ModelRegistry.Obstacle.noSuchVersion {
            return .refusal(404, "no_such_version", "the registry has no such version of this task")
        } catch ModelRegistry.Obstacle.nothingBefore {
            return .refusal(409, "nothing_before", "this label was on no other version before")
        } catch ModelRegistry.Obstacle.fileIsGone {
            return .refusal(
                409, "not_kept", "this version's file is not kept any more (server.retention.models)")
        } catch {
            return .refusal(503, "storage", Failure(wrapping: error).message)
        }
    }

    private static func json(_ status: Int, _ value: JSONValue) -> HTTPResponse {
        .json(status, Array(value.text(indented: false).utf8))
    }
}

extension JSONValue {
    /// The fields of a signed line's entry. What is infinite there is a text, as in the line.
    fileprivate init(_ fields: [String: LedgerValue]) {
        self = .object(fields.mapValues { JSONValue($0) })
    }

    private init(_ value: LedgerValue) {
        switch value {
        case .null: self = .null
        case .boolean(let flag): self = .bool(flag)
        case .number(let number):
            if let whole = Int(exactly: number) {
                self = .integer(whole)
            } else {
                self = number.isFinite ? .number(number) : .string(number < 0 ? "-inf" : "inf")
            }
        case .string(let text): self = .string(text)
        case .array(let values): self = .array(values.map { JSONValue($0) })
        case .object(let fields): self.init(fields)
        }
    }
}
