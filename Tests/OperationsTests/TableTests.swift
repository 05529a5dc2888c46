import Glibc
import Operations
import Testing

/// Times in words, and tables.
@Suite struct TableTests {
    @Test(
        arguments: [
            (0.0, "now"), (0.9, "now"), (-0.9, "now"), (1, "in 1 second"), (-12.7, "12 seconds ago"),
            (-59.9, "59 seconds ago"), (60, "in 1 minute"), (-200, "3 minutes ago"),
            (-3599, "59 minutes ago"),
            (-3600, "1 hour ago"), (90_000, "in 1 day"), (1_028_160, "in 11 days"),
            (-5_184_000, "60 days ago"),
            (-10_367_999, "119 days ago"), (-10_368_000, "3 months ago"), (34_560_000, "in 13 months"),
            (63_158_400, "in 2 years"),
            (1e300, "in an unknown time"), (-Double.infinity, "an unknown time ago"),
        ] as [(Double, String)]) func momentsAreToldAsSeenFromNow(distance: Double, text: String)
    {
        let now = distance.magnitude < 1e12 ? 1_795_770_903.0 : 0
        #expect(SpokenTime.relative(now + distance, now: now) == text)
    }

    @Test(
        arguments: [
            (0.0, "1970-01-01 00:00 UTC"), (1_795_770_903, "2026-11-27 09:15 UTC"),
            (-1, "1969-12-31 23:59 UTC"),
            (1e300, "?"), (Double.nan, "?"),
        ] as [(Double, String)]) func momentsAreToldInUTC(moment: Double, text: String)
    {
        #expect(SpokenTime.absolute(moment) == text)
    }

    @Test func columnsAreAsWideAsTheirContent() {
        var table = TextTable([.words("name"), .numbers("count"), .words("nothing"), .words("note")])
        table.add(["a", "1", nil, "first"])
        table.add(["é-lonɡer", "12345678", "", nil])
        table.add(["b", nil, nil, "last"])
        #expect(
            table.text(empty: "none") == """
                name         count  note
                a                1  first
                é-lonɡer  12345678  -
                b                -  last

                """)
    }

    @Test func tablesWithoutRowsSaySo() {
        #expect(TextTable([.words("name")]).text(empty: "No name.") == "No name.\n")
    }

    /// What comes from elsewhere neither commands the terminal nor pushes the table out of it.
    @Test func cellsAreMadeFit() {
        var table = TextTable([.words("n\u{E9}"), .words("x")])
        table.add(["\u{1B}[31m\n\u{202E}", String(repeating: "y", count: 1000)])
        #expect(table.text(empty: "") == "né       x\n?[31m??  \(String(repeating: "y", count: 69))...\n")
        #expect(TextTable.list([("a", "1\u{7}"), ("b", nil), ("long", "2")]) == "a     1?\nlong  2\n")
    }

    private static func table(_ cells: [String?]) -> TextTable {
        var table = TextTable([
            .numbers("id"), .words("name"), .numbers("sent").spared, .names("serial").spared, .words("note"),
        ])
        table.add(cells)
        table.add(["12345", "b", "7", String(repeating: "f", count: 20), nil])
        return table
    }

    /// Words are cut, the longest first; then what can be spared goes, the last of it first; numbers are never cut.
    @Test func aNarrowTerminalGetsANarrowTable() {
        let table = Self.table([
            "1", "a name of some length", "1234567", nil, String(repeating: "n", count: 30),
        ])
        let whole = table.text(empty: "")
        #expect(table.text(empty: "", width: 91) == whole && !whole.contains("..."))
        #expect(
            table.text(empty: "", width: 80) == """
                   id  name                     sent  serial                note
                    1  a name of some le...  1234567  -                     nnnnnnnnnnnnnnnnn...
                12345  b                           7  ffffffffffffffffffff  -

                """)
        #expect(
            table.text(empty: "", width: 50) == """
                   id  name                 sent  note
                    1  a name of som...  1234567  nnnnnnnnnnnnn...
                12345  b                       7  -
                Too wide for this terminal, but not for a pipe or
                --format json: serial

                """)
    }

    /// No line is longer than the terminal is wide, unless the first column alone is; what is left is in full or cut with
    /// dots, and what is missing is named.
    @Test(arguments: 20...120) func linesFit(width: Int) {
        let cells = ["1", "a name of some length", "1234567", nil, String(repeating: "n", count: 30)]
        let text = Self.table(cells).text(empty: "", width: width)
        let lines = text.split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= width }, "\(text)")
        for title in ["id", "name", "sent", "serial", "note"] { #expect(text.contains(title)) }
        #expect(lines[2].hasPrefix("12345"))
    }

    @Test func longTextsGoOnBelowThemselves() {
        let text = "one two three four-and-a-long-word five"
        #expect(
            TextTable.list([("a", text), ("name", "x")], width: 20)
                == "a     one two three\n      four-and-a-long-word\n      five\nname  x\n")
        #expect(TextTable.list([("a", text)], width: 80) == TextTable.list([("a", text)]))
    }

    @Test func onlyATerminalHasAWidth() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        #expect(Terminal.width(of: ends[1], columns: "80") == nil, "what is piped is never cut")
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        defer { close(master) }
        // TIOCSPTLCK and TIOCGPTPEER of ioctl_tty(2), which have no names here: unlock the other end, and open it.
        var lock: Int32 = 0
        try #require(ioctl(master, 0x4004_5431, &lock) == 0)
        let terminal = ioctl(master, 0x5441, O_RDWR | O_NOCTTY)
        try #require(terminal >= 0)
        defer { close(terminal) }
        #expect(Terminal.width(of: terminal, columns: nil) == nil, "it does not say")
        var size = winsize(ws_row: 24, ws_col: 97, ws_xpixel: 0, ws_ypixel: 0)
        try #require(ioctl(terminal, UInt(TIOCSWINSZ), &size) == 0)
        #expect(Terminal.width(of: terminal, columns: nil) == 97)
        #expect(Terminal.width(of: terminal, columns: "132") == 132)
        for nonsense in ["", "wide", "-5", "0", "1"] {
            #expect(Terminal.width(of: terminal, columns: nonsense) == 97)
        }
    }

    /// An option that may stand alone.
    @Test func valuesMayBeLeftToTheStandard() throws {
        let grammar = OptionGrammar(
            command: "test", summary: "",
            options: [
                .optionalValue("wait", "SECONDS", standard: "60", "Waits."), .flag("all", "All."),
            ])
        for (arguments, value) in [
            (["--wait"], "60"), (["--wait", "5"], "5"), (["--wait=7"], "7"), (["--wait", "--all"], "60"),
            ([], nil),
        ] as [([String], String?)] {
            #expect(try grammar.parse(arguments).string("wait") == value)
        }
        #expect(grammar.help.contains("--wait [SECONDS]"))
        for arguments in [["--wait", "1", "--wait"], ["--wait", "1", "2"]] {
            #expect(throws: Failure.self) { try grammar.parse(arguments) }
        }
    }
}
