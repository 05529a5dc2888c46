package import Compute
package import Configuration
internal import Learning

/// How many outputs a model has whose preset leaves that to the data: one a class, or one a predicted value.
package enum ModelOutputs {
    /// Whether the model of a task section is a preset that needs its number of outputs and does not say it.
    package static func areMissing(in task: JSONValue?) -> Bool {
        guard case .object(let members)? = task, let model = members["model"],
            case .object(let keys) = model, keys["preset"] != nil, let problem = problem(model, outputs: nil)
        else { return false }
        // What is wrong whatever the number is, is told by whoever reads the model.
        return Self.problem(model, outputs: 2) != problem
    }

    private static func problem(_ model: JSONValue, outputs: Int?) -> String? {
        do {
            _ = try ModelSpec(model, path: "", outputs: outputs)
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// The task section with a number of outputs that is wrong, perhaps, but lets everything else of it be read.
    package static func standIn(in task: JSONValue) -> JSONValue { setting(key(task), 2, in: task) }

    /// The task section with as many outputs as these targets need, in place of a stand-in or of none.
    package static func completing(_ task: JSONValue, for targets: Examples.Targets) -> JSONValue {
        switch targets {
        case .classes(_, let count), .tokens(_, _, let count): setting(key(task), count, in: task)
        case .values(_, let width): setting("outputs", width, in: task)
        }
    }

    /// The key under which the preset says it.
    private static func key(_ task: JSONValue) -> String {
        guard case .object(let members) = task, case .object(let model)? = members["model"],
            case .string(let name)? = model["preset"],
            let preset = PresetCatalog.all.first(where: { $0.name == name })
        else { return "classes" }
        return preset.outputsKey ?? "classes"
    }

    private static func setting(_ key: String, _ count: Int, in task: JSONValue) -> JSONValue {
        guard case .object(var members) = task, case .object(var model)? = members["model"] else {
            return task
        }
        (model[Self.key(task)], model["outputs"]) = (nil, nil)
        model[key] = .integer(count)
        members["model"] = .object(model)
        return .object(members)
    }
}
