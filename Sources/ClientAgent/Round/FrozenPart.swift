internal import Compute
internal import Federation
internal import Learning

/// The parameters of a task's model that nobody trains, as this agent has them.
package struct FrozenPart {
    /// Their values; nil where the trainer reads the file itself.
    let parameters: FrozenParameters?
    /// Their file, in the agent's state directory.
    let path: String
    /// Greatest magnitude among the values, infinite where one is not finite; 0 where they were not read.
    let greatestMagnitude: Float

    /// The file at `path`, verified and not read into memory.
    init(path: String) { (parameters, self.path, greatestMagnitude) = (nil, path, 0) }

    /// Values and the file that they were read from.
    init(_ parameters: FrozenParameters, path: String) {
        (self.parameters, self.path) = (parameters, path)
        var greatest: Float = 0
        for value in parameters.values where !(value.magnitude <= greatest) {
            greatest = value.isNaN ? .infinity : value.magnitude
        }
        greatestMagnitude = greatest
    }
}

/// What a task's text may say of the parameters that nobody trains.
package enum FrozenRules {
    /// Bytes of the largest file that an agent fetches unless its configuration says otherwise.
    package static let defaultLimit = 4 << 30

    /// Throws ``UnusablePlan`` where the model of a task has frozen parameters and the task does not state their file, or
    /// states one of other bytes than the model needs, or of more than `limit`; and where it names a file of the server's.
    static func check(_ model: Model, limit: Int) throws {
        let (layout, spec) = (model.frozenLayout, model.spec)
        guard spec.from == nil else {
            throw UnusablePlan("the task's model starts from a checkpoint (model.from), which no agent has")
        }
        guard let stated = spec.frozenFile else {
            guard layout.count == 0 else {
                throw UnusablePlan(
                    "the task's model has frozen parameters, and the task states no file of them")
            }
            return
        }
        guard layout.count > 0 else {
            throw UnusablePlan("the task states a file of frozen parameters, and its model has none")
        }
        guard stated.bytes <= limit, layout.count <= limit / 4 else {
            throw UnusablePlan(
                "the model's frozen parameters take \(max(stated.bytes, layout.count)) bytes or more, above "
                    + "frozen_limit_bytes (\(limit))")
        }
        guard stated.bytes == FrozenModelFile.byteCount(layout) else {
            throw UnusablePlan(
                "the task states \(stated.bytes) bytes of frozen parameters, and its model has "
                    + "\(FrozenModelFile.byteCount(layout))")
        }
    }
}
