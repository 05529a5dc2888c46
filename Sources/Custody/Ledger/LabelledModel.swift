package import Ledger

/// A version of a model that has a label, as a registry's own signed lines say it: for whoever follows the label.
package struct LabelledModel: Sendable {
    package let version: ModelVersion
    package let label: RegistryEntry.Label
    /// The number of the line that put the label there. Where an earlier answer had a greater one, this is an old answer.
    package let sequence: Int

    /// Reads the two lines. Nil unless both are a registry's, signed by this key, and speak of one version.
    package init?(versionLine: String, labelLine: String, publicKey: String) {
        let chain = LineChain(hash: LedgerSHA256(), verifier: NamedKeys(), trustedKey: publicKey)
        func entry(_ text: String) -> (line: SignedLine<RegistryEntry>, entry: RegistryEntry)? {
            guard let line = SignedLine<RegistryEntry>(text: text.utf8), line.run == Self.log,
                chain.isGenuine(line)
            else { return nil }
            return (line, line.entry)
        }
        guard case (_, .version(let version))? = entry(versionLine),
            case (let line, .label(let label))? = entry(labelLine),
            label.task == version.task, label.version == version.version
        else { return nil }
        self.version = version
        self.label = label
        sequence = line.sequence
    }

    /// The name of registries, which their lines state.
    package static let log = "registry"
}
