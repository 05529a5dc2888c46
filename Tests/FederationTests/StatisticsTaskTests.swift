import Compute
import Configuration
import Encoding
import Learning
import Privacy
import Testing

@testable import Federation

/// Tasks of kind `statistics`: what is refused, what a client's vector is bounded by, and that answers are those of all rows.
@Suite struct StatisticsTaskTests {
    static let columns = "{ age: { bounds: [0, 100] }, sex: { domain: ['f', 'm'] } }"
    static let all = """
        [{ question: 'records' }, { question: 'count' }, { question: 'sum' }, { question: 'mean', share: 3 },
         { question: 'variance' }, { question: 'range', bins: 50 }, { question: 'histogram', bins: 10 },
         { question: 'quantiles', bins: 200, at: [0, 0.1, 0.5, 1] }, { question: 'frequencies' },
         { question: 'heavy_hitters' }, { question: 'missing' }, { question: 'classes' }]
        """
    static let central = "{ mode: 'central', noise_multiplier: 1 }"

    private static func task(
        _ statistics: String, privacy: String = "{ mode: 'none' }", more: String = ""
    ) throws -> TaskConfiguration {
        let text =
            "{ kind: 'statistics', statistics: \(statistics), cohort_size: 4, privacy: \(privacy), \(more) }"
        return try TaskConfiguration(
            Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
    }

    static func plan(
        columns: String = columns, ask: String = all, privacy: String = "{ mode: 'none' }",
        records: String = "records_per_client: 60"
    ) throws -> TaskPlan {
        let task = try task(
            "{ columns: \(columns), classes: ['a', 'b', 'c'], \(records), ask: \(ask) }", privacy: privacy)
        return try TaskPlan(task, model: Model(task.model, inputShape: [3]), population: 4)
    }

    /// One record as its columns are read: age and whether it is missing, sex by its place (2: missing, −1: another).
    private struct Record {
        var age: Float = 0
        var isMissing = false
        var sex: Float = 0
        var label: Int32 = 0
    }

    private static func examples(_ records: [Record]) -> Examples {
        Examples(
            count: records.count, featureShape: [3],
            features: .floats(records.flatMap { [$0.isMissing ? 0 : $0.age, $0.isMissing ? 1 : 0, $0.sex] }),
            targets: .classes(records.map(\.label), count: 3))
    }

    private static func vector(_ plan: TaskPlan, _ records: [Record]) throws -> [Float] {
        let work = try #require(StatisticsVector(plan))
        let rows = Array(0..<Int32(records.count))
        return try rows.withUnsafeBufferPointer { try Array(work.fill(examples(records), indices: $0)) }
    }

    private static func random(_ count: Int, _ random: inout SeededGenerator) -> [Record] {
        (0..<count).map { _ in
            Record(
                age: Float(random.uniformDouble() * 140 - 20), isMissing: random.index(below: 5) == 0,
                sex: Float(random.index(below: 4) - 1), label: Int32(random.index(below: 3)))
        }
    }

    private static func norm(_ values: [Float]) -> Double {
        values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    }

    // MARK: Refusals

    @Test(arguments: [
        ("{ ask: [{question: 'mean'}] }", "task.statistics.columns"),
        (
            "{ columns: { a: { bounds: [0, 1] }, b: { bounds: [0, 1] } }, ask: [{question: 'mean', share: 1e308}, {question: 'missing', share: 1e308}] }",
            "task.statistics.ask"
        ),
        ("{ columns: {}, ask: [{question: 'mean'}] }", "task.statistics.columns"),
        (
            "{ columns: { a: { bounds: [3, 1] } }, ask: [{question: 'mean'}] }",
            "task.statistics.columns.a.bounds"
        ),
        (
            "{ columns: { a: { bounds: [1, 1] } }, ask: [{question: 'mean'}] }",
            "task.statistics.columns.a.bounds"
        ),
        (
            "{ columns: { a: { bounds: [-1e308, 1e308] } }, ask: [{question: 'mean'}] }",
            "task.statistics.columns.a.bounds"
        ),
        (
            "{ columns: { a: { bounds: [0, 1], domain: ['x'] } }, ask: [{question: 'mean'}] }",
            "task.statistics.columns.a"
        ),
        (
            "{ columns: { a: { domain: ['x', 'x'] } }, ask: [{question: 'count'}] }",
            "task.statistics.columns.a.domain"
        ),
        (
            "{ columns: { a: { domain: [] } }, ask: [{question: 'count'}] }",
            "task.statistics.columns.a.domain"
        ),
        (
            "{ columns: { a: { domain: [['x']] } }, ask: [{question: 'count'}] }",
            "task.statistics.columns.a.domain"
        ),
        ("{ columns: { a: { bounds: [0, 1] } }, ask: [] }", "task.statistics.ask"),
        (
            "{ columns: { a: { bounds: [0, 1] } }, ask: [{question: 'median'}] }",
            "task.statistics.ask.0.question"
        ),
        (
            "{ columns: { a: { bounds: [0, 1] } }, ask: [{question: 'mean', columns: ['b']}] }",
            "task.statistics.ask.0.columns"
        ),
        (
            "{ columns: { a: { domain: ['x'] } }, ask: [{question: 'mean', columns: ['a']}] }",
            "task.statistics.ask.0.columns"
        ),
        (
            "{ columns: { a: { domain: ['x'] } }, ask: [{question: 'mean'}] }",
            "task.statistics.ask.0.question"
        ),
        (
            "{ columns: { a: { bounds: [0, 1] } }, ask: [{question: 'mean'}, {question: 'mean', share: 2}] }",
            "task.statistics.ask"
        ),
        (
            "{ columns: { a: { bounds: [0, 1] } }, ask: [{question: 'histogram', bins: 5000}] }",
            "task.statistics.ask.0.bins"
        ),
        (
            "{ columns: { a: { bounds: [0, 1] } }, ask: [{question: 'histogram', share: 0}] }",
            "task.statistics.ask.0.share"
        ),
        (
            "{ columns: { a: { bounds: [0, 1] } }, ask: [{question: 'quantiles', at: [0.5, 1.5]}] }",
            "task.statistics.ask.0.at"
        ),
        (
            "{ columns: { a: { bounds: [0, 1] } }, ask: [{question: 'sum'}] }",
            "task.statistics.records_per_client"
        ),
        (
            "{ columns: { a: { bounds: [0, 1] } }, ask: [{question: 'classes'}] }",
            "task.statistics.ask.0.question"
        ),
        (
            "{ of: 'images', columns: { a: { bounds: [0, 1] } }, ask: [{question: 'mean'}] }",
            "task.statistics.columns"
        ),
        (
            "{ columns: { a: { bounds: [0, 1] }, b: { bounds: [0, 1], mean_of: ['c'] }, c: { domain: ['x'] } }, "
                + "ask: [{question: 'mean'}] }", "task.statistics.columns"
        ),
        (
            "{ columns: { a: { bounds: [0, 1] } }, ask: [{question: 'mean'}], bogus: 1 }",
            "task.statistics.bogus"
        ),
    ])
    func whatCannotBeAskedIsRefusedAtItsKey(_ statistics: String, _ path: String) {
        let error = #expect(throws: ConfigurationError.self) { try Self.task(statistics) }
        #expect(error?.path == path)
        #expect(error.map { "\($0)".contains("\n") } == false)
    }

    @Test func slotsHaveALimit() {
        let columns = (0..<300).map { "c\($0): { bounds: [0, 1] }" }.joined(separator: ", ")
        let error = #expect(throws: ConfigurationError.self) {
            try Self.task("{ columns: { \(columns) }, ask: [{question: 'quantiles', bins: 4096}] }")
        }
        #expect(error?.path == "task.statistics.ask")
    }

    @Test(arguments: [
        ("model: { preset: 'mlp' }", "task.model"), ("rounds: 3", "task.rounds"),
        ("strategy: { name: 'fedavg' }", "task.strategy"), ("evaluation: {}", "task.evaluation"),
        ("compression: { name: 'quantize' }", "task.compression"), ("schema: {}", "task.schema"),
    ])
    func keysOfTrainingAreRefused(_ more: String, _ path: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try Self.task("{ columns: \(Self.columns), ask: [{question: 'mean'}] }", more: more)
        }
        #expect(error?.path == path)
    }

    @Test(arguments: [
        ("{ mode: 'central', noise_multiplier: 1, adaptive_clipping: {} }", "task.privacy.adaptive_clipping"),
        (
            "{ mode: 'central', noise_multiplier: 1, per_layer_clipping: true }",
            "task.privacy.per_layer_clipping"
        ),
        ("{ mode: 'central', noise_multiplier: 1, mechanism: 'tree' }", "task.privacy.mechanism"),
        ("{ mode: 'central', noise_multiplier: 1, mechanism: 'matrix' }", "task.privacy.mechanism"),
        (
            "{ mode: 'central', noise_multiplier: 1, example: { clipping_norm: 1, noise_multiplier: 1 } }",
            "task.privacy.example"
        ),
        (
            "{ mode: 'none', example: { clipping_norm: 1, noise_multiplier: 1, records: 9 } }",
            "task.privacy.example.records"
        ),
    ])
    func privacyThatHasNoMeaningIsRefused(_ privacy: String, _ path: String) {
        let error = #expect(throws: ConfigurationError.self) { try Self.plan(privacy: privacy) }
        #expect(error?.path == path)
    }

    @Test func questionsNeedTheirKind() {
        let text =
            "{ statistics: {}, model: { preset: 'mlp', classes: 2 }, training: {}, rounds: 1, cohort_size: 1 }"
        let error = #expect(throws: ConfigurationError.self) {
            try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        }
        #expect(error?.path == "task.statistics")
    }

    @Test func dataThatAreNotTheDeclaredAreRefused() throws {
        let work = try #require(StatisticsVector(Self.plan()))
        let wide = Examples(
            count: 1, featureShape: [4], features: .floats([0, 0, 0, 0]), targets: .classes([0], count: 3))
        let unlabelled = Examples(
            count: 1, featureShape: [3], features: .floats([0, 0, 0]), targets: .values([], width: 0))
        for examples in [wide, unlabelled] {
            #expect(throws: ConfigurationError.self) {
                try [Int32(0)].withUnsafeBufferPointer { _ = try work.fill(examples, indices: $0) }
            }
        }
    }

    // MARK: Bounds

    /// Whatever a client holds, and however much of it: no longer than the clipping norm.
    @Test(arguments: [1, 59, 60, 61, 3000]) func noClientIsLongerThanTheNorm(_ count: Int) throws {
        var random = SeededGenerator(seed: UInt64(count), purpose: .test)
        for records in ["records_per_client: 1, ask: [{ question: 'mean' }]", "records_per_client: 60"] {
            let plan =
                records.contains("ask")
                ? try Self.plan(
                    ask: "[{ question: 'mean' }]", privacy: Self.central, records: "records_per_client: 1")
                : try Self.plan(privacy: Self.central)
            let mixed = Self.random(count, &random)
            let extremes = [
                Record(age: 0), Record(age: 100), Record(age: .infinity), Record(age: -.infinity),
                Record(isMissing: true, sex: 2), Record(age: 50, sex: -1, label: 2),
            ].map { [Record](repeating: $0, count: count) }
            for client in [mixed] + extremes {
                let length = Self.norm(try Self.vector(plan, client))
                #expect(length <= 1)
            }
        }
        let full = [Record](repeating: Record(age: 0), count: max(60, count))
        #expect(Self.norm(try Self.vector(Self.plan(privacy: Self.central), full)) > 0.5)
    }

    @Test func clippingChangesNoHonestClient() throws {
        let plan = try Self.plan(
            ask: "[{ question: 'mean' }]", privacy: Self.central, records: "records_per_client: 1")
        let vector = try Self.vector(plan, [Record(age: 100), Record(age: 100)])
        #expect(Self.norm(vector) <= 1 && Self.norm(vector) > 1 - 1e-5)
    }

    /// One record more moves a client's sums by no more than the record's bound, and the grid's rounding.
    @Test func aRecordMovesAClientByItsBound() throws {
        let plan = try Self.plan(
            privacy: "{ mode: 'none', example: { clipping_norm: 2, noise_multiplier: 1 } }")
        let example = try #require(plan.example)
        var random = SeededGenerator(seed: 5, purpose: .test)
        for _ in 0..<20 {
            let client = Self.random(40, &random)
            let (less, more) = (
                try Self.vector(plan, Array(client.dropLast())), try Self.vector(plan, client)
            )
            let moved = Self.norm(zip(less, more).map { $1 - $0 })
            let slack = Double(less.count).squareRoot() / example.scale
            #expect(moved <= 2 + slack && moved > 0.1)
            // Floats hold every sum on the grid exactly, so that the noise on the grid covers it.
            #expect(
                more.allSatisfy { (Double($0) * example.scale) == (Double($0) * example.scale).rounded() })
        }
        #expect(example.steps == 1 && example.probability == 1)
        #expect(example.event(rounds: 1).sampling == .none && example.event(rounds: 1).steps == 1)
    }

    // MARK: Answers

    /// Without noise each answer is that of all records in one place.
    @Test func withoutNoiseAnswersAreExact() throws {
        let plan = try Self.plan()
        var random = SeededGenerator(seed: 2, purpose: .test)
        let clients = [13, 1, 77, 30].map { Self.random($0, &random) }
        var mean = [Double](repeating: 0, count: plan.dimension)
        for client in clients {
            for (place, value) in try Self.vector(plan, client).enumerated() {
                mean[place] += Double(value) / 4
            }
        }
        let reading = try StatisticsReading(plan, values: mean.map { Float($0) })
        #expect(reading.unit == "none")
        func answer(_ kind: StatisticsQuestion.Kind, _ column: String? = nil) throws -> StatisticsAnswer {
            try #require(reading.answers.first { $0.kind == kind && $0.column == column })
        }
        let records = clients.flatMap(\.self)
        let ages = records.filter { !$0.isMissing }.map { min(max(Double($0.age), 0), 100) }.sorted()
        func close(_ value: Double?, _ wanted: Double, _ tolerance: Double = 1e-5) {
            #expect(abs((value ?? .nan) - wanted) <= tolerance * max(1, abs(wanted)))
        }
        close(try answer(.records).value, 121)
        close(try answer(.count, "age").value, Double(ages.count))
        close(try answer(.sum, "age").value, ages.reduce(0, +))
        let average = ages.reduce(0, +) / Double(ages.count)
        close(try answer(.mean, "age").value, average)
        #expect(try answer(.mean, "age").standardError == 0)
        close(try answer(.variance, "age").mean, average)
        close(
            try answer(.variance, "age").value,
            ages.reduce(0) { $0 + ($1 - average) * ($1 - average) } / Double(ages.count))
        close(try answer(.missing, "age").value, Double(records.count { $0.isMissing }) / 121)
        close(try answer(.missing, "sex").value, Double(records.count { $0.sex == 2 }) / 121)
        let range = try #require(try answer(.range, "age").range)
        #expect(range.low == (ages[0] / 2).rounded(.down) * 2)
        #expect(abs(range.high - 100) < 1e-9)
        let bins = try answer(.histogram, "age").parts
        #expect(bins.count == 10)
        for (place, bin) in bins.enumerated() {
            let inside = ages.count { min(9, Int($0 / 10)) == place }
            close(bin.share, Double(inside) / Double(ages.count))
        }
        for quantile in try answer(.quantiles, "age").quantiles {
            let place = min(
                ages.count - 1, max(0, Int((quantile.rank * Double(ages.count)).rounded(.up)) - 1))
            #expect(abs(quantile.value - ages[place]) <= 0.5 + 1e-6, "\(quantile.rank)")
            #expect(quantile.rankError == 0)
        }
        let known = records.filter { $0.sex != 2 }
        for (name, code) in [("f", Float(0)), ("m", 1), ("other", -1)] {
            let part = try answer(.frequencies, "sex").parts.first { $0.name == name }
            close(part?.share, Double(known.count { $0.sex == code }) / Double(known.count))
        }
        let hitters = try answer(.heavyHitters, "sex").parts
        #expect(Set(hitters.map(\.name)) == ["f", "m"] && hitters[0].share >= hitters[1].share)
        for (place, name) in ["a", "b", "c"].enumerated() {
            let part = try answer(.classes).parts.first { $0.name == name }
            close(part?.share, Double(records.count { $0.label == Int32(place) }) / 121)
        }
    }

    /// A schema of exact answers scales as all rows in one place would; without the answers there is none.
    @Test func aSchemaIsMadeOfAnswers() throws {
        let plan = try Self.plan(ask: "[{ question: 'variance' }, { question: 'mean' }]")
        let ages: [Float] = [10, 20, 60]
        let vector = try Self.vector(plan, ages.map { Record(age: $0) } + [Record(isMissing: true)])
        let schema = try StatisticsReading(plan, values: vector).schema(of: plan)
        guard case .object(let members) = schema, case .array(let columns)? = members["columns"],
            case .object(let age)? = columns.first, case .number(let center)? = age["center"],
            case .number(let scale)? = age["scale"]
        else {
            Issue.record("no schema: \(schema)")
            return
        }
        #expect(abs(center - 30) < 1e-4 && abs(scale - (1400.0 / 3).squareRoot()) < 1e-3)
        #expect(age["imputed"] == age["center"] && columns.count == 2)
        let nothing = try StatisticsReading(plan, values: [Float](repeating: 0, count: plan.dimension))
        #expect(throws: ConfigurationError.self) { try nothing.schema(of: plan) }
        let unasked = try Self.plan(ask: "[{ question: 'mean' }]")
        let reading = try StatisticsReading(unasked, values: Self.vector(unasked, [Record(age: 3)]))
        #expect(throws: ConfigurationError.self) { try reading.schema(of: unasked) }
    }

    /// Data are read in one spelling, and a domain in another would never be met.
    @Test(arguments: ["02134", "1.0", "+1", "1e2"]) func aDomainIsSpelledAsDataAreRead(_ text: String) {
        #expect {
            _ = try Self.plan(
                columns: "{ town: { domain: ['\(text)', 'x'] } }", ask: "[{ question: 'frequencies' }]")
        } throws: { "\($0)".contains("write that") }
    }
}
