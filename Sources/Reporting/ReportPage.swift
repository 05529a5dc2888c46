/// A page that holds everything it needs: one file, nothing loaded, no script. It bears no date and no host name, so that the
/// same content gives the same bytes.
package struct ReportPage {
    private let title: HTML
    private let header: HTML
    private let main: HTML
    private let version: String

    /// A page with this title in the browser's tab, a `header` element, what stands in its `main` element, lines whole, and the
    /// version of the program that made it.
    package init(title: HTML, header: HTML, main: HTML, version: String) {
        (self.title, self.header, self.main, self.version) = (title, header, main, version)
    }

    /// The whole page.
    package var html: HTML {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <meta name="color-scheme" content="light dark"/>
        <title>\(title)</title>
        <style>\(ReportStyle.sheet)</style>
        </head>
        <body>
        \(header)
        <main>
        \(main)</main>
        <footer><p>Sordino \(version). This page holds everything it needs; it loads nothing and runs no script.</p></footer>
        </body>
        </html>

        """
    }
}
