package import Compute
package import Configuration
package import Encoding

/// The `task.robust` section: which rule takes the place of the mean, and what is done before it.
package struct RobustAggregation: Sendable {
    /// Name of the rule as written in configurations.
    package let name: String
    package let rule: any IndividualRule
    /// Clients of a round that may be hostile.
    package let hostile: Int
    /// Updates of one bucket; 1: no bucketing.
    package let bucketSize: Int
    /// Whether each update is mixed with its nearest neighbours.
    package let mixes: Bool

    /// Reads the section. Throws ``ConfigurationError`` for a name that is not in the catalog, and for keys that neither the
    /// section nor the rule knows.
    package init(_ section: Section) throws {
        let known = IndividualRuleCatalog.all
        guard let name = try section.string("rule") else {
            throw section.error(
                "rule", "is missing: one of \(known.map { $0.name }.joined(separator: ", "))")
        }
        guard let entry = known.first(where: { $0.name == name }) else {
            throw section.error("rule", Section.unknownName(name, known: known.map { $0.name }))
        }
        try self.init(name: name, rule: entry.rule, section)
    }

    /// A rule that need not be in the catalog, with the section's keys.
    package init(name: String, rule: any IndividualRule.Type, _ section: Section) throws {
        _ = section.value("rule")
        let rule = try rule.init(section)
        let hostile = try section.integer("hostile", in: 0...100_000_000)
        bucketSize = try section.integer("bucketing", in: 1...1_000_000) ?? 1
        mixes = try section.bool("mixing") ?? false
        try section.finish()
        if hostile == nil, rule.heedsHostile || mixes {
            throw section.error(
                "hostile",
                "is missing: how many clients of a round may be hostile; "
                    + (rule.heedsHostile ? "\"\(name)\"" : "mixing") + " follows it")
        }
        (self.name, self.rule, self.hostile) = (name, rule, hostile ?? 0)
    }

    /// The section with every default filled in; reading it again gives an equal rule.
    package var json: JSONValue {
        let own: [String: JSONValue] = [
            "rule": .string(name), "hostile": .integer(hostile), "bucketing": .integer(bucketSize),
            "mixing": .bool(mixes),
        ]
        return .object(rule.settings.merging(own) { $1 })
    }

    /// Fewest reports of a round with which the rule withstands its hostile clients; a hostile client spoils one bucket.
    package var fewestReports: Int {
        let wanted = max(rule.fewestUpdates(hostile: hostile), mixes ? 2 * hostile + 1 : 0)
        // So many buckets are there from one report above a whole number of them on.
        return wanted == 0 ? 0 : (wanted - 1) * bucketSize + 1
    }

    /// Why so few reports do not make an update; nil where they do.
    package func problem(reports: Int) -> String? {
        guard reports < fewestReports else { return nil }
        return
            "\"\(name)\" withstands \(hostile) hostile of at least \(fewestReports) reports, and there are \(reports)"
    }

    /// Whether a rule that sees single updates is sound in the task. Throws ``ConfigurationError`` where it is not.
    func check(_ task: TaskConfiguration, minimumReports: Int) throws {
        func refuse(_ key: String, _ problem: String) -> ConfigurationError {
            ConfigurationError(path: "task.robust.\(key)", problem: problem)
        }
        switch task.privacy.mode {
        case .none, .local: break
        case .distributed where task.secureAggregation.groups > 1:
            let groups = task.secureAggregation.groups
            guard groups < fewestReports else { return }
            throw refuse(
                "hostile",
                "is \(hostile), for which \"\(name)\" needs \(fewestReports) groups, one hostile client spoiling a group, and"
                    + " secure_aggregation.groups is \(groups)")
        case .distributed:
            throw refuse(
                "rule",
                "\"\(name)\" looks at single updates, which the masks of mode \"distributed\" hide from the server; mask"
                    + " clients in groups (secure_aggregation.groups), use mode \"local\" or \"none\", or leave task.robust"
                    + " out")
        case .central:
            guard rule.normBound != nil, bucketSize == 1, !mixes else {
                throw refuse(
                    "rule",
                    "mode \"central\" adds noise for a sum of single updates, and for nothing but \"norm-bound\" without"
                        + " bucketing and mixing is it proved how far one client moves the result; use it, or mode \"local\""
                )
            }
            guard task.privacy.adaptiveClipping == nil else {
                throw refuse("rule", "does not go with privacy.adaptive_clipping, which bounds norms itself")
            }
        }
        guard minimumReports < fewestReports else { return }
        let remedy =
            task.cohortSize >= fewestReports
            ? "set min_reports to \(fewestReports) or more"
            : "raise cohort_size and min_reports to \(fewestReports), or expect fewer hostile clients"
        throw refuse(
            "hostile",
            "is \(hostile), for which \"\(name)\" needs \(fewestReports) reports, yet a round may have \(minimumReports): "
                + remedy)
    }

    /// The combination of these reports of `count` coordinates, each coordinate times `factor`, on the ring and grid of
    /// `codec`. Buckets are drawn from `generator`. The number of threads does not change it.
    package func combine(
        _ reports: [IndividualReport], count: Int, codec: FixedPointCodec, factor: Double, threads: Int,
        using generator: inout SeededGenerator
    ) -> RingVector {
        let sum = RobustSum(reports, count: count, scale: codec.scale, threads: threads)
        var geometry = sum.geometry(bucketSize > 1 || mixes ? .distances : rule.measures)
        var mixing: RowMixing?
        if bucketSize > 1 {
            let buckets = RowMixing(bucketsOf: bucketSize, in: geometry, using: &generator)
            geometry = geometry.mixed(by: buckets)
            mixing = buckets
        }
        if mixes {
            let neighbours = RowMixing(nearestNeighboursIn: geometry, hostile: hostile)
            geometry = geometry.mixed(by: neighbours)
            mixing = mixing.map { neighbours.after($0) } ?? neighbours
        }
        return sum.vector(
            rule.combine(geometry, hostile: hostile), mixing: mixing, factor: factor, bits: codec.bits)
    }
}
