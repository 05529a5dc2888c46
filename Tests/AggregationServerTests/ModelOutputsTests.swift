import Configuration
import Federation
import Operations
import TestSupport
import Testing

@testable import AggregationServer

/// A server's task may leave the number of classes to what the server knows of them.
@Suite("A model's outputs from the server's data") struct ModelOutputsTests {
    private let folder: String

    init() throws { folder = try TemporaryFolders.make("outputs") }

    private func setup(_ model: String, _ task: String, _ server: String) throws -> ServerSetup {
        let text = """
            { task: { name: "t", model: \(model), training: { learning_rate: 0.1 }, rounds: 2, cohort_size: 2,
                      privacy: { mode: "none" }, \(task) },
              server: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", population: 4, \(server)
                        tls: { certificate: "server.crt", key: "server.key", ca: "ca.crt" } } }
            """
        let path = "\(folder)/server.json5"
        try AtomicFile.write(text, to: path)
        return try ServerSetup(ServerConfiguration(ConfigurationDocument(contentsOf: path)))
    }

    /// What agents get is the same text, so that either file goes on with the other's run.
    @Test(arguments: [
        ("preset: 'logistic'", "classes: 3", "size,kind\n1,a\n2,b\n3,c\n4,a\n", "label: 'kind'"),
        (
            "preset: 'mlp', hidden: [4], dropout: 0.1", "classes: 3", "kind,size\na,1\nb,2\nc,3\n",
            "label: 'kind'"
        ),
        ("preset: 'mlp'", "outputs: 1", "size,weight\n1,0.5\n2,1.5\n", "label: 'weight', task: 'regression'"),
    ]) func theDataSayHowMany(preset: String, outputs: String, rows: String, label: String) throws {
        try AtomicFile.write(rows, to: "\(folder)/data.csv")
        let data = "data: { format: 'csv', path: 'data.csv', \(label) },"
        let left = try setup("{ \(preset) }", "", data)
        let said = try setup("{ \(preset), \(outputs) }", "", data)
        #expect(left.taskText == said.taskText && left.taskDigest == said.taskDigest)
        #expect(left.plan.dimension == said.plan.dimension && left.taskText.contains(outputs.prefix(7)))
        #expect(left.modelHead(round: 3) == said.modelHead(round: 3))
    }

    @Test func theSchemaSaysHowMany() throws {
        let schema =
            "schema: { kind: 'images', classes: ['a', 'b', 'c', 'd'] }, evaluation: { holdout: 'none' }"
        let shape = "input_shape: [3],"
        let left = try setup("{ preset: 'logistic' }", schema, shape)
        #expect(left.plan.dimension == 16)
        #expect(try left.taskText == setup("{ preset: 'logistic', classes: 4 }", schema, shape).taskText)
    }

    @Test func whereNobodySaysItTheKeyIsMissing() throws {
        let failure = #expect(throws: ConfigurationError.self) {
            try setup(
                "{ preset: 'logistic' }",
                "schema: { kind: 'images', classes: [] }, evaluation: { holdout: 'none' }",
                "input_shape: [3],")
        }
        #expect(failure?.path == "task.model.classes")
        #expect(failure?.problem.hasPrefix("is missing") == true)
    }

    /// Only what follows from the data may be left out: every other mistake is told as it was.
    @Test(arguments: [
        ("{ preset: 'logistic', colour: 1 }", "colour"), ("{ preset: 'logistik' }", "preset"),
        ("{ preset: 'mlp', hidden: 'x' }", "hidden"), ("{ layers: [] }", "layers"),
    ]) func otherMistakesAreTold(model: String, key: String) {
        let failure = #expect(throws: ConfigurationError.self) { try setup(model, "", "") }
        #expect(failure.map { "\($0)".contains(key) } == true, "\(String(describing: failure))")
    }
}
