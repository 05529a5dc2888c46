import Foundation

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// What an XML parser finds in a page: every element with its attributes, all text, and the first error.
final class PageReader: NSObject, XMLParserDelegate {
    struct Element {
        var name: String
        var attributes: [String: String]
    }

    var elements: [Element] = []
    /// Texts of the `title` elements that stand in another element than the page's head or a drawing's own.
    var tips: [String] = []
    var text = ""
    var problem: String?
    private var tip: String?

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
        let isTip = name == "title" && elements.last?.attributes["class"] == "hit"
        elements.append(Element(name: name, attributes: attributes))
        tip = isTip ? "" : nil
    }

    func parser(
        _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
    ) {
        if let tip, name == "title" { tips.append(tip) }
        tip = nil
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        text += string
        tip? += string
    }

    func parser(_ parser: XMLParser, parseErrorOccurred error: any Error) {
        problem = "\(error), line \(parser.lineNumber)"
    }
}
