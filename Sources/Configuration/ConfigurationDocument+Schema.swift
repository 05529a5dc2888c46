extension ConfigurationDocument {
    /// The document with the file that `task.schema` names in its place, read as JSON5; a relative path starts from the
    /// document's folder. Throws ``ConfigurationError`` naming that file where it cannot be read.
    package func withSchemaRead() throws -> ConfigurationDocument {
        guard case .object(var members) = root, case .object(var task)? = members["task"],
            case .string(let name)? = task["schema"]
        else { return self }
        let path = name.hasPrefix("/") ? name : "\(folder)/\(name)"
        task["schema"] = try ConfigurationDocument(contentsOf: path).root
        members["task"] = .object(task)
        return ConfigurationDocument(root: .object(members), file: file)
    }
}
