internal import Compute
internal import Configuration
internal import FoundationEssentials
internal import Learning
internal import Messages

/// A published checkpoint: whole numbers of tensors under the names that its makers gave them.
struct Checkpoint {
    private let tensors: [String: SafeTensors.Tensor]
    private let rules: StartOptions
    private let path: String

    /// What libraries put before the names of all of a model's parameters.
    private static let prefixes = ["", "transformer.", "bert.", "model.", "module.", "base_model.model."]
    /// Ends of names of what layers keep beside their parameters: masks and counters.
    private static let buffers = [
        "attn.bias", "attn.masked_bias", "position_ids", "running_mean", "running_var", "num_batches_tracked",
    ]

    /// Reads the file. Throws ``ConfigurationError`` where it cannot be read or is no such file.
    init(_ file: String, _ rules: StartOptions, path: String) throws {
        (self.rules, self.path) = (rules, path)
        guard let data = FileManager.default.contents(atPath: file) else {
            throw ConfigurationError(path: path, problem: "\(file): no such file, or it cannot be read")
        }
        do {
            let file = try data.withUnsafeBytes { try SafeTensors(decoding: $0, passesOverOthers: true) }
            tensors = Dictionary(file.tensors.map { ($0.name, $0) }) { first, _ in first }
        } catch {
            throw ConfigurationError(path: path, problem: "\(file): \(error)")
        }
    }

    /// Puts the checkpoint's values in place of drawn ones, for every parameter but an adapter's and those that start
    /// afresh. Throws ``ConfigurationError`` with all that is missing, misshapen or left over.
    func fill(_ trained: inout ParameterVector, _ frozen: inout ParameterVector) throws {
        let wanted = (trained.layout.entries + frozen.layout.entries).filter { isWanted($0.name) }
        let prefix =
            Self.prefixes.max { left, right in
                count(wanted, behind: left) < count(wanted, behind: right)
            } ?? ""
        var problems: [String] = []
        let missing = wanted.filter { tensor($0.name, prefix) == nil }
        if !missing.isEmpty {
            problems.append("lacks \(Self.list(missing.map { "\($0.name) \($0.shape)" }))")
        }
        let misshapen = wanted.compactMap { entry -> String? in
            guard let tensor = tensor(entry.name, prefix), tensor.shape != entry.shape else { return nil }
            return "\(tensor.name) \(tensor.shape) where the model has \(entry.shape)"
        }
        if !misshapen.isEmpty { problems.append("holds \(Self.list(misshapen))") }
        let used = Set(wanted.compactMap { tensor($0.name, prefix)?.name })
        let left = tensors.keys.sorted().filter { name in
            !used.contains(name) && !rules.ignores(name) && !Self.buffers.contains { name.hasSuffix($0) }
        }
        if !left.isEmpty { problems.append("has left over \(Self.list(left))") }
        guard problems.isEmpty else {
            throw ConfigurationError(
                path: path,
                problem: "\(rules.file) \(problems.joined(separator: "; ")) "
                    + "(from.fresh names parameters that start anew, from.ignore tensors to leave out)")
        }
        try copy(&trained, prefix)
        try copy(&frozen, prefix)
    }

    private func copy(_ vector: inout ParameterVector, _ prefix: String) throws {
        for entry in vector.layout.entries where isWanted(entry.name) {
            guard let tensor = tensor(entry.name, prefix) else { continue }
            guard tensor.values.allSatisfy(\.isFinite) else {
                throw ConfigurationError(
                    path: path, problem: "\(rules.file): \(tensor.name) holds values that are not finite")
            }
            vector.values.replaceSubrange(entry.range, with: tensor.values)
        }
    }

    // A head stands beside the prefixed body, without the prefix.
    private func tensor(_ name: String, _ prefix: String) -> SafeTensors.Tensor? {
        tensors[prefix + name] ?? tensors[name]
    }

    private func isWanted(_ name: String) -> Bool {
        !name.hasSuffix(".lora_A.weight") && !name.hasSuffix(".lora_B.weight") && !rules.startsFresh(name)
    }

    private func count(_ entries: [ParameterLayout.Entry], behind prefix: String) -> Int {
        entries.count { tensor($0.name, prefix) != nil }
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(8).joined(separator: ", ") + (names.count > 8 ? " and \(names.count - 8) more" : "")
    }
}
