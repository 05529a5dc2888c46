package import Compute
package import Configuration
internal import Learning

/// Where the features of a forest may be cut, for a task that leaves that to the data.
package enum ForestEdges {
    /// How many bins a task section wants edges for, of which it has none; nil where it wants none of the data.
    package static func bins(in task: JSONValue) -> Int? {
        guard case .object(let members) = task, case .object(let model)? = members["model"],
            model["preset"] == .string("trees"), model[TreeOptions.edgesKey] == nil,
            case .integer(let bins)? = model[TreeOptions.quantilesKey]
        else { return nil }
        return bins
    }

    /// The task section with edges that cut each feature of these examples into at most so many bins of about as many rows.
    package static func completing(_ task: JSONValue, bins: Int, for examples: Examples) -> JSONValue {
        guard case .object(var members) = task, case .object(var model)? = members["model"] else {
            return task
        }
        model[TreeOptions.edgesKey] = .array(
            QuantileEdges.of(examples, bins: bins).map { TreeOptions.json($0) })
        members["model"] = .object(model)
        return .object(members)
    }
}
