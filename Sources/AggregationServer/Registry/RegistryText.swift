package import Configuration
internal import Operations

/// What commands read of `GET /api/registry`.
package enum RegistryText {
    /// The SHA-256 that the answer has for a version; nil where it has none.
    package static func digest(of version: Int, _ task: String, in answer: JSONValue) -> String? {
        AdminAnswer(answer).list("tasks").first { $0.text("task") == task }?
            .list("versions").first { $0.integer("version") == version }?.text("model_sha256")
    }

    /// The answer for people.
    static func text(_ answer: JSONValue, width: Int?) -> String {
        var table = TextTable([
            .names("task"), .numbers("version"), .words("labels"), .names("run").spared, .numbers("round"),
            .numbers("accuracy"), .numbers("loss").spared, .numbers("epsilon"), .words("submitted by").spared,
            .names("SHA-256").spared,
        ])
        for task in AdminAnswer(answer).list("tasks") {
            let labels = task.object("labels").map { _ in task.counts("labels") } ?? []
            for version in task.list("versions") {
                let own = labels.filter { $0.count == version.integer("version") }.map(\.name)
                let figures = version.object("figures")
                table.add([
                    task.text("task"), version.integer("version").map(String.init),
                    own.isEmpty ? nil : own.joined(separator: ", "), version.text("run"),
                    version.integer("round").map(String.init),
                    figures?.number("accuracy").map(AdminText.percent),
                    figures?.number("loss").map(AdminText.decimal(4)),
                    version.number("epsilon").map(AdminText.decimal(3)) ?? version.text("epsilon"),
                    version.text("submitter"), version.text("model_sha256"),
                ])
            }
        }
        return table.text(empty: "No model has been published yet.", width: width)
    }
}
