import Federation
import Foundation
import Testing

@testable import Simulation

@Suite("The report as a page")
struct ReportPageTests {
    @Test("Every tag is closed and every attribute quoted", arguments: ReportSamples.allCases)
    func wellFormed(sample: ReportSamples) {
        let page = PageReader(sample.report.html())
        #expect(page.problem == nil)
        #expect(page.elements.contains { $0.name == "svg" } || sample == .nothing)
    }

    @Test("Nothing is loaded, run or left out", arguments: ReportSamples.allCases)
    func selfContained(sample: ReportSamples) {
        let markup = sample.report.html()
        let page = PageReader(markup)
        let loading = ["script", "link", "img", "iframe", "object", "embed", "use", "image", "form"]
        #expect(!page.elements.contains { loading.contains($0.name) })
        // Links hold what they lead to.
        for link in page.elements where link.name == "a" {
            #expect(link.attributes["href"]?.hasPrefix("data:text/csv;charset=utf-8,") == true)
            #expect(link.attributes["download"]?.hasSuffix(".csv") == true)
        }
        #expect(!page.elements.contains { $0.attributes.keys.contains { $0.hasPrefix("on") || $0 == "src" } })
        #expect(!markup.contains("url(") && !markup.contains("@import") && !markup.contains("http"))
    }

    @Test("No number in a drawing is not a number", arguments: ReportSamples.allCases)
    func finite(sample: ReportSamples) {
        let drawing: Set = ["path", "rect", "circle", "text", "svg"]
        for element in PageReader(sample.report.html()).elements where drawing.contains(element.name) {
            for key in ["d", "x", "y", "cx", "cy", "r", "width", "height", "viewBox", "fill-opacity"] {
                let value = element.attributes[key, default: ""].lowercased()
                #expect(
                    !value.contains("n") && !value.contains("i") && !value.contains("e"), "\(key) is \(value)"
                )
            }
        }
    }

    @Test(
        "Ids are unique, and every drawing has a title and a description", arguments: ReportSamples.allCases)
    func accessible(sample: ReportSamples) {
        let elements = PageReader(sample.report.html()).elements
        let ids = elements.compactMap { $0.attributes["id"] }
        #expect(Set(ids).count == ids.count)
        for drawing in elements where drawing.name == "svg" && drawing.attributes["aria-hidden"] == nil {
            let named = drawing.attributes["aria-labelledby", default: ""].split(separator: " ").map(
                String.init)
            #expect(named.count == 2 && named.allSatisfy(ids.contains))
        }
    }

    @Test("No figure is empty, and every figure has tips and data", arguments: ReportSamples.allCases)
    func figures(sample: ReportSamples) {
        let page = PageReader(sample.report.html())
        #expect(!page.elements.contains { $0.attributes["class"] == "empty" })
        let places = page.elements.indices.filter { page.elements[$0].name == "figure" }
        for (place, end) in zip(places, places.dropFirst() + [page.elements.count]) {
            let parts = page.elements[place..<end]
            let id = parts.first?.attributes["id", default: ""] ?? ""
            #expect(parts.contains { $0.name == "svg" && $0.attributes["role"] == "img" }, "\(id)")
            #expect(parts.contains { $0.name == "a" && $0.attributes["download"] == "\(id).csv" }, "\(id)")
            #expect(parts.contains { $0.attributes["class"] == "hit" }, "\(id)")
            let drawn: Set = ["curve", "tint", "dot"]
            #expect(parts.contains { drawn.contains($0.attributes["class", default: ""]) }, "\(id)")
        }
        #expect(page.tips.allSatisfy { !$0.isEmpty })
        #expect(page.tips.count == page.elements.count { $0.attributes["class"] == "hit" })
    }

    @Test(
        "Only what happened has a figure",
        arguments: [
            (
                ReportSamples.privateRun,
                [
                    "accuracy", "traffic", "loss", "epsilon", "clients", "norms", "clipped",
                    "clock", "virtual-time", "seconds", "classes", "sizes",
                ]
            ),
            (
                .withoutPrivacy,
                [
                    "accuracy", "traffic", "loss", "clients", "norms", "clock", "virtual-time", "seconds",
                    "classes", "sizes",
                ]
            ),
            (.still, ["accuracy", "traffic", "loss", "clients", "norms", "seconds", "classes", "sizes"]),
            (
                .errors,
                [
                    "rmse", "traffic", "loss", "r2", "epsilon", "clients", "norms", "clipped",
                    "clock", "virtual-time", "seconds", "sizes",
                ]
            ),
            (
                .fair,
                [
                    "accuracy", "traffic", "loss", "clients", "norms", "seconds", "client-accuracy",
                    "participation", "classes", "sizes",
                ]
            ),
            (.nothing, []),
        ] as [(ReportSamples, [String])])
    func figuresOfARun(sample: ReportSamples, figures: [String]) {
        let page = PageReader(sample.report.html())
        let ids = page.elements.filter { $0.name == "figure" }.compactMap { $0.attributes["id"] }
        #expect(ids == figures)
        #expect(page.text.contains("Virtual clock") == figures.contains("virtual-time"))
    }

    @Test("The same report gives the same bytes")
    func repeatable() {
        #expect(ReportSamples.privateRun.report.html() == ReportSamples.privateRun.report.html())
    }

    @Test("Text from a scenario stays text wherever it is shown")
    func escaping() {
        let hostile = "<script>alert('1 & \"2\"')</script>\u{0}"
        var report = ReportSamples.abandonedRounds.report
        report.summary.task = hostile
        report.summary.version = hostile
        report.summary.finished = hostile
        report.summary.mechanism = hostile
        report.summary.accountant = hostile
        report.summary.adjacency = hostile
        report.summary.sampling = hostile
        report.summary.noiseSource = hostile
        report.summary.privacyMode = hostile
        report.summary.modelSHA256 = hostile
        report.summary.baselines = [.init(name: hostile, accuracy: 0.5, loss: 0.5)]
        report.rounds[3].abandoned = hostile
        report.distribution.classNames = report.distribution.classNames.map { _ in hostile }
        report.resolvedScenario = hostile
        report.command = hostile
        let markup = report.html()
        let page = PageReader(markup)
        #expect(page.problem == nil)
        #expect(!markup.lowercased().contains("<script"))
        #expect(!page.elements.contains { $0.name == "script" })
        #expect(page.text.components(separatedBy: "<script>alert('1 & \"2\"')</script>\u{FFFD}").count > 10)
    }

    @Test("Values that are no numbers, and numbers beyond all bounds, break nothing")
    func divergedRun() {
        var report = ReportSamples.privateRun.report
        let wild = [Double.nan, .infinity, -.infinity, 1e308, -1e308, Double.leastNonzeroMagnitude, 0]
        for (index, value) in wild.enumerated() {
            report.rounds[index].loss = value
            report.rounds[index].accuracy = value
            report.rounds[index].epsilon = value
            report.rounds[index].seconds = value
            report.rounds[index].virtualSeconds = value
            report.rounds[index].evaluationSeconds = value
            report.diagnostics[index].updateNorms = Array(repeating: value, count: 5)
            report.diagnostics[index].clippedFraction = value
        }
        report.diagnostics[8].updateNorms = []
        report.summary.finalLoss = .nan
        report.summary.epsilon = .infinity
        report.summary.secondsTotal = .infinity
        report.targetEpsilon = .nan
        let page = PageReader(report.html())
        #expect(page.problem == nil)
        for element in page.elements where element.name == "path" || element.name == "circle" {
            let place = element.attributes["d"] ?? element.attributes["cy", default: ""]
            #expect(!place.contains("nan") && !place.contains("inf"))
        }
        #expect(!page.text.contains("nan") && !page.text.contains("inf %") && !page.text.contains("inf "))
    }

    @Test("A long run stays a page that a browser likes")
    func size() {
        #expect(ReportSamples.tenThousandRounds.report.html().utf8.count < 500_000)
        #expect(ReportSamples.privateReport(rounds: 1000).html().utf8.count < 700_000)
    }
}

@Suite("What the report says")
struct ReportStatementTests {
    private func text(_ report: SimulationReport) -> String {
        PageReader(report.html()).text
    }

    @Test("A seeded run says that it is a rehearsal, a secure one does not")
    func rehearsal() {
        let sentence = "A rehearsal, whose ε holds only while the seed is secret;"
        #expect(text(ReportSamples.privateRun.report).contains(sentence))
        #expect(text(ReportSamples.privateRun.report).contains("--noise secure makes a releasable model"))
        #expect(!text(ReportSamples.regression.report).contains(sentence))
    }

    @Test("A run without privacy says that nothing is private, a private one does not")
    func withoutPrivacy() {
        #expect(text(ReportSamples.withoutPrivacy.report).contains("Nothing is private in this run."))
        #expect(!text(ReportSamples.privateRun.report).contains("Nothing is private"))
    }

    @Test("The headline figures are there")
    func headline() {
        let page = text(ReportSamples.privateRun.report)
        for figure in [
            "87.3 %", "best 88.7 %", "7.94", "1 × 10⁻⁵", "add-or-remove-one", "PLD", "budget 8.00",
        ] {
            #expect(page.contains(figure), "\(figure) is missing")
        }
        #expect(page.contains("unbounded") && page.contains("the server sees exact updates"))
        #expect(page.contains("+6.8 points") && page.contains("+9.2 points"))
        #expect(page.contains(ReportSamples.command))
    }

    @Test("A secure run does not promise the same bits again")
    func reproduction() {
        #expect(text(ReportSamples.privateRun.report).contains("bit for bit"))
        #expect(!text(ReportSamples.regression.report).contains("bit for bit"))
    }

    @Test("Regression has neither accuracy nor classes")
    func regression() {
        let page = PageReader(ReportSamples.regression.report.html())
        let ids = page.elements.compactMap { $0.attributes["id"] }
        #expect(!ids.contains("accuracy") && !ids.contains("classes"))
        #expect(ids.contains("loss") && ids.contains("sizes"))
        #expect(!page.text.contains("accuracy"))
    }

    @Test("Errors are compared in the unit of the data")
    func errors() {
        let report = ReportSamples.errors.report
        let page = PageReader(report.html())
        #expect(page.text.contains("Final RMSE") && page.text.contains("54.20"))
        #expect(page.text.contains("MAE 43.10") && page.text.contains("R² 0.4900"))
        // The baselines too: 51.7 is 2.5 less.
        #expect(page.text.contains("51.70") && page.text.contains("−2.50"))
        #expect(page.tips.contains { $0.hasPrefix("round 80: RMSE ") && $0.contains(", MAE ") })
        #expect(page.tips.contains { $0.hasSuffix(" MB: 54.2") })
    }

    @Test("Classes are called by their names, the worst of many first")
    func classes() throws {
        var report = ReportSamples.privateRun.report
        #expect(!text(report).contains("Class by class"))
        report.distribution.classNames = ["healthy", "sick <b>", "unsure"]
        report.evaluation = ReportSamples.evaluation([[8, 2, 0], [1, 9, 0], [0, 0, 0]])
        let page = PageReader(report.html())
        #expect(page.problem == nil)
        for words in ["Class by class", "sick <b>", "88.9 %", "81.8 %", "True class"] {
            #expect(page.text.contains(words), "\(words)")
        }
        #expect(page.elements.contains { $0.attributes["class"] == "number t4 strong" })
        let many = (0..<40).map { truth in (0..<40).map { $0 == truth ? truth : 1 } }
        report.distribution.classNames = (0..<40).map { "class-\($0)" }
        report.evaluation = ReportSamples.evaluation(many)
        let long = text(report)
        #expect(long.contains("The 30 of 40 classes with the lowest F1."))
        let section = try #require(
            long.components(separatedBy: "Class by class").last?
                .components(separatedBy: "The clients’ data").first)
        #expect(section.contains("class-3") && !section.contains("class-39"))
        #expect(!section.contains("True class"))
    }

    @Test("A bound on ε does not read as what was spent")
    func bounds() {
        var report = ReportSamples.privateRun.report
        for index in report.rounds.indices where index >= 20 { report.rounds[index].epsilon = 7.9312 }
        report.spendingStatement = .bound
        let words = "From round 21 to 30 the bound is level; less was spent there than it shows."
        #expect(text(report).contains("Upper bounds of what was spent so far"))
        #expect(text(report).contains(words))
        #expect(text(report).contains("ε before the last round is an upper bound."))
        report.spendingStatement = .exact
        #expect(text(report).contains("the exact composition of all rounds until then"))
        #expect(text(report).contains("ε is the exact composition here"))
        #expect(!text(report).contains(words))
        report.spendingStatement = .renyi
        #expect(text(report).contains("composed by Rényi accounting"))
    }

    @Test("A slow first round is marked and told")
    func startUp() {
        var report = ReportSamples.privateRun.report
        #expect(!text(report).contains("Beyond the axis"))
        report.rounds[0].seconds = 3
        #expect(text(report).contains("Beyond the axis: round 1 with 3000."))
        #expect(text(report).contains("time, milliseconds"))
    }

    @Test("An abandoned round gives its reason")
    func abandoned() {
        let page = text(ReportSamples.abandonedRounds.report)
        #expect(page.components(separatedBy: "abandoned: only 12 of at least 20").count == 5)
    }

    @Test(
        "Two hundred rounds are all in the table, more are thinned",
        arguments: [1, 199, 200, 201, 373, 10_000])
    func thinning(rounds: Int) {
        var report = ReportSamples.privateReport(rounds: rounds)
        report.rounds = (1...rounds).map { ReportSamples.record($0, of: rounds, every: 7) }
        let shown = RoundTable(report).shownRecords
        #expect(shown.count == min(rounds, RoundTable.shownRounds))
        #expect(shown.first?.round == 1 && shown.last?.round == rounds)
        #expect(zip(shown, shown.dropFirst()).allSatisfy { $0.round < $1.round })
        // Where stretches are longer than the distance of evaluations, every row but the first is
        // an evaluated one.
        if rounds / RoundTable.shownRounds >= 7 {
            #expect(shown.dropFirst().allSatisfy { $0.loss != nil })
        }
        #expect(text(report).contains("rounds are shown") == (rounds > RoundTable.shownRounds))
    }
}
