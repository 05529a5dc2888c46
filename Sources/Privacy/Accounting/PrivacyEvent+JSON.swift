package import FoundationEssentials
internal import Glibc

/// The flat JSON form: `{"mechanism":"gaussian","noise_multiplier":0.9,"sampling":"poisson",…}`.
///
/// Unknown keys, mechanisms and samplers are refused, and so is a key that does not belong to the stated
/// mechanism or sampler. Defaults: `sampling` none, `steps` 1, `adjacency` add-or-remove-one (replace-one for
/// fixed-size sampling).
extension PrivacyEvent: Codable {
    package init(from decoder: any Decoder) throws {
        let fields = try EventReader(decoder.container(keyedBy: EventKey.self))
        mechanism = try fields.mechanism()
        sampling = try fields.sampling()
        steps = try fields.optional("steps", Int.self) ?? 1
        adjacency = try fields.adjacency(under: sampling)
        try fields.refuseUnread()
        try validate()
    }

    package func encode(to encoder: any Encoder) throws {
        var fields = EventWriter(encoder.container(keyedBy: EventKey.self))
        try fields.put(mechanism)
        try fields.put(sampling)
        try fields.put("adjacency", adjacency.rawValue)
        try fields.put("steps", steps)
    }

    /// Decodes a JSON list of events (a single object counts as a list of one), naming the faulty entry.
    package static func list(fromJSON data: Data) throws -> [PrivacyEvent] {
        do {
            return try JSONDecoder().decode(EventList.self, from: data).events
        } catch let error as AccountingError {
            throw error
        } catch {
            throw AccountingError.malformedEvent("not a JSON list of events: \(error)")
        }
    }

    /// Encodes events as the JSON list that `list(fromJSON:)` reads, keys sorted.
    package static func json(of events: [PrivacyEvent]) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return try encoder.encode(events)
    }
}

/// A list whose errors carry the position of the faulty event.
private struct EventList: Decodable {
    var events: [PrivacyEvent] = []

    init(from decoder: any Decoder) throws {
        guard var container = try? decoder.unkeyedContainer() else {
            events = [try PrivacyEvent(from: decoder)]
            return
        }
        while !container.isAtEnd {
            do {
                events.append(try container.decode(PrivacyEvent.self))
            } catch let error as AccountingError {
                throw AccountingError.malformedEvent("entry \(events.count + 1): \(error)")
            }
        }
    }
}

extension PrivacyEvent.Mechanism {
    /// Name in JSON and on the command line.
    package var name: String {
        switch self {
        case .gaussian: "gaussian"
        case .discreteGaussian: "discrete-gaussian"
        case .skellam: "skellam"
        case .laplace: "laplace"
        case .tree: "tree"
        case .matrix: "matrix"
        }
    }
}

extension PrivacyEvent.Sampling {
    /// Name in JSON and on the command line.
    package var name: String {
        switch self {
        case .none: "none"
        case .poisson: "poisson"
        case .truncatedPoisson: "truncated-poisson"
        case .fixedSize: "fixed-size"
        }
    }
}
