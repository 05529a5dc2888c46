internal import Configuration
internal import Datasets
internal import Federation
internal import Learning
internal import Synchronization

/// Loaded data that several runs share: what has the same key is loaded once and kept while somebody will ask for it.
final class DatasetShelf: Sendable {
    /// One data set, loaded by whoever comes first while others wait.
    private final class Place: Sendable {
        let content = Mutex<Result<Dataset, any Error>?>(nil)
    }

    private let places = Mutex<[String: Place]>([:])
    /// How often each key will still be asked for.
    private let wanted: Mutex<[String: Int]>

    /// A shelf for runs of these keys, one a run.
    init(for keys: [String]) {
        wanted = Mutex(keys.reduce(into: [:]) { $0[$1, default: 0] += 1 })
    }

    /// What decides the data of a scenario. The seed does only where it divides the rows.
    static func key(of scenario: Scenario) -> String {
        var divides = false
        if case .object(let data) = scenario.data, let split = data["split"], split != .null {
            divides = true
            if case .object(let members) = split, members["seed"] != nil { divides = false }
        }
        return [
            scenario.document.folder, scenario.data.text(), scenario.task.schema?.text() ?? "",
            "\(scenario.task.training.needsTargets)", divides ? "\(scenario.seed)" : "",
        ].joined(separator: "\n")
    }

    /// The data of a key, made by `load` where they are not there. Throws what that threw, to all who ask.
    func dataset(_ key: String, load: () throws -> Dataset) throws -> Dataset {
        let place = places.withLock { places in
            let place = places[key] ?? Place()
            places[key] = place
            return place
        }
        return try place.content.withLock { content in
            let result = content ?? Result { try load() }
            content = result
            return try result.get()
        }
    }

    /// Tells that a run of the key is over; what no other run will ask for is let go.
    func release(_ key: String) {
        let isLast = wanted.withLock { wanted in
            wanted[key, default: 1] -= 1
            return wanted[key, default: 0] <= 0
        }
        if isLast { _ = places.withLock { $0.removeValue(forKey: key) } }
    }
}
