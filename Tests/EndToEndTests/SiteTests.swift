import Foundation
import Testing

/// Sites whose files differ train one meaning, or say that they cannot; a server says what the meaning is.
@Suite(.tags(.endToEnd)) struct SiteTests {
    static let schema = """
        { kind: "table", classes: ["healthy", "sick"], columns: [
            { name: "a", encoding: "numeric", center: 5, scale: 5 }, { name: "b", encoding: "numeric", center: 5, scale: 5 } ] }
        """

    private func task(_ schema: String?, privacy: String = "{ mode: \"none\" }") -> String {
        """
        { task: { name: "sites", model: { preset: "logistic", classes: 2 },
            training: { batch_size: 8, learning_rate: 0.5, loss: "softmax_cross_entropy" },
            rounds: 5, cohort_size: 2, min_reports: 2, report_deadline: "20s", privacy: \(privacy),
            \(schema.map { "schema: \($0)," } ?? "") evaluation: { holdout: "none" } },
          server: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", population: 2, input_shape: [2],
            tls: { certificate: "x.crt", key: "x.key", ca: "x.crt" } } }
        """
    }

    /// A server without data and without a schema is refused before it reads a certificate.
    @Test(arguments: ["check", "serve"]) func aServerWithoutMeaningDoesNotStart(command: String) throws {
        let workspace = try Workspace()
        let file = try workspace.write("server.json5", task(nil))
        let run = try Sordino.run(command, file)
        #expect(run.status == 3 && run.complaints.count == 1, "\(run.errors)")
        #expect(
            run.errors.contains("task.schema") && run.errors.contains("sordino schema FILE"), "\(run.errors)")
    }

    @Test func aSchemaMayBeAFileOfItsOwn() throws {
        let workspace = try Workspace()
        try workspace.write("rows.csv", "a,b,y\n1,2,sick\n3,4,healthy\n")
        let printed = try Sordino.run(
            "schema", workspace.file("rows.csv"), "--label", "y", "--out", workspace.file("schema.json"))
        #expect(printed.status == 0, "\(printed.errors)")
        #expect(try JSON(text: workspace.text("schema.json"))["classes"] != nil)
        let file = try workspace.write("server.json5", task("\"schema.json\""))
        let run = try Sordino.run("check", file)
        #expect(!run.errors.contains("task.schema"), "\(run.errors)")
        let missing = try workspace.write("other.json5", task("\"nowhere.json\""))
        #expect(try Sordino.run("check", missing).status == 3)
    }

    /// A model is used on files of another order, with further columns, and without labels.
    @Test func aModelIsUsedByTheNamesOfItsColumns() throws {
        let workspace = try Workspace()
        let rows = (0..<40).map { "\($0 % 7),\($0 % 5),\($0 % 7 > 3 ? "sick" : "healthy")\n" }
        try workspace.write("rows.csv", "a,b,y\n" + rows.joined())
        let model = workspace.file("m.safetensors")
        let train = try Sordino.run(
            "train", "--data", workspace.file("rows.csv"), "--label", "y", "--model", "logistic", "--out",
            model,
            "--quiet")
        #expect(train.status == 0, "\(train.errors)")
        let straight = try Sordino.run("predict", "--model", model, "--data", workspace.file("rows.csv"))
        let turned = rows.map { row in
            let fields = row.dropLast().split(separator: ",")
            return "\(fields[1]),x,\(fields[0])\n"
        }
        try workspace.write("turned.csv", "b,note,a\n" + turned.joined())
        let other = try Sordino.run("predict", "--model", model, "--data", workspace.file("turned.csv"))
        #expect(other.status == 0 && other.output == straight.output, "\(other.errors)")
        #expect(other.errors.contains("note"))
        try workspace.write("missing.csv", "b,note\n1,x\n")
        let refused = try Sordino.run("predict", "--model", model, "--data", workspace.file("missing.csv"))
        #expect(refused.status == 3 && refused.errors.contains("no column \"a\""), "\(refused.errors)")
    }
}
