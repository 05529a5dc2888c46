import Foundation
import Testing

@testable import Simulation

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// What an XML parser finds in a page: every element with its attributes, all text, and the first error.
private final class PageReader: NSObject, XMLParserDelegate {
    struct Element {
        var name: String
        var attributes: [String: String]
    }

    var elements: [Element] = []
    var text = ""
    var problem: String?

    init(_ markup: String) {
        super.init()
        let parser = XMLParser(data: Data(markup.utf8))
        parser.delegate = self
        if !parser.parse() {
            problem = "\(String(describing: parser.parserError)), line \(parser.lineNumber)"
        }
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        elements.append(Element(name: name, attributes: attributes))
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        text += string
    }

    func parser(_ parser: XMLParser, parseErrorOccurred error: any Error) {
        problem = "\(error), line \(parser.lineNumber)"
    }
}

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
        let loading = ["script", "link", "img", "iframe", "object", "embed", "use", "image", "a", "form"]
        #expect(!page.elements.contains { loading.contains($0.name) })
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
        #expect(ReportSamples.tenThousandRounds.report.html().utf8.count < 400_000)
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
