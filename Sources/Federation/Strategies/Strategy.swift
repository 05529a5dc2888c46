package import Configuration
package import Learning

/// What a client does with its data in one round.
package enum LocalWork: Equatable, Sendable {
    /// Epochs of optimiser steps.
    case training
    /// One gradient of the mean loss over all its examples, at the learning rate.
    case gradient
}

/// How clients train and how the server uses the mean of their updates.
///
/// A strategy sees sums only, never an individual update, so every one of them works under secure aggregation.
/// Rules that must see individual updates (medians, Krum) are another type and cannot be given here.
package protocol Strategy: Sendable {
    /// Name as written in configurations.
    static var name: String { get }
    /// Reads the strategy's own keys of `task.strategy`; the caller refuses what is left over.
    init(_ section: Section) throws
    /// The local training that this strategy wants, given what the task configures.
    func localTraining(_ options: TrainingOptions) -> TrainingOptions
    /// Whether clients train or send one gradient.
    var localWork: LocalWork { get }
    /// Whether it remembers one value a parameter between rounds, 0 before the first.
    var remembers: Bool { get }
    /// Moves parameters of the global model by the mean update of one round.
    ///
    /// A parameter depends on its own past and its own mean update only, so that a model may be moved piece by piece:
    /// the three buffers are the same piece of each. `memory` is what the strategy remembers of these parameters, and
    /// is empty where it remembers nothing.
    func apply(
        meanUpdate: UnsafeBufferPointer<Float>, memory: UnsafeMutableBufferPointer<Float>,
        to parameters: UnsafeMutableBufferPointer<Float>)
    /// The strategy's settings for resolved configurations.
    var settings: [String: JSONValue] { get }
}

extension Strategy {
    package var localWork: LocalWork { .training }
}

/// The strategies that a task can name.
package enum StrategyCatalog {
    /// One line a strategy.
    package static let all: [any Strategy.Type] = [
        FedAvg.self,
        FedProx.self,
        FedSGD.self,
    ]

    /// Reads `task.strategy`; absent means plain federated averaging.
    package static func make(_ section: Section?) throws -> any Strategy {
        guard let section else { return try FedAvg(Section(.object([:]), path: "task.strategy")) }
        let name = try section.string("name") ?? FedAvg.name
        guard let type = all.first(where: { $0.name == name }) else {
            throw section.error("name", Section.unknownName(name, known: all.map { $0.name }))
        }
        let strategy = try type.init(section)
        try section.finish()
        return strategy
    }
}
