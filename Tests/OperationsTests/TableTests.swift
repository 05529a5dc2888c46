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
