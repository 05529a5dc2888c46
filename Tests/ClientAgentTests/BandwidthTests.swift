import Configuration
import Testing

@testable import ClientAgent

@Suite("Bandwidth limits") struct BandwidthTests {
    private func limits(_ text: String) throws -> BandwidthLimits {
        let document = ConfigurationDocument(
            root: try JSONValue(json5: "{ bandwidth: \(text) }".utf8, source: "test"), file: "/test.json5")
        return try BandwidthLimits(Section(document.root, path: "").section("bandwidth"))
    }

    @Test(
        "Rates are read in their units",
        arguments: [
            ("2 MB/s", 2e6), ("200 kB/s", 200_000), ("1.5 MiB/s", 1_572_864), ("1000 B/s", 1000),
            ("1 GB/s", 1e9), ("4 KiB/s", 4096), ("0.5 GiB/s", 536_870_912),
        ])
    func rates(text: String, bytes: Double) throws {
        let read = try limits("{ up: \"\(text)\", down: \"\(text)\" }")
        #expect(read.always == .init(up: bytes, down: bytes) && read.between.isEmpty)
        #expect(read.pace != nil)
    }

    @Test(
        "What is no rate is refused with its key",
        arguments: [
            ("{ up: \"2 MB\" }", "bandwidth.up"), ("{ up: \"2MB/s\" }", "bandwidth.up"),
            ("{ up: \"2  MB/s\" }", "bandwidth.up"), ("{ up: 5 }", "bandwidth.up"),
            ("{ down: \"0 MB/s\" }", "bandwidth.down"), ("{ down: \"-1 MB/s\" }", "bandwidth.down"),
            ("{ down: \"999 B/s\" }", "bandwidth.down"), ("{ down: \"nan MB/s\" }", "bandwidth.down"),
            ("{ down: \"1 Mbit/s\" }", "bandwidth.down"), ("{ down: \"inf GB/s\" }", "bandwidth.down"),
            ("{ dwn: \"1 MB/s\" }", "bandwidth.dwn"), ("{ between: {} }", "bandwidth.between"),
            ("{ between: [{ up: \"1 MB/s\" }] }", "bandwidth.between[0].hours"),
            ("{ between: [{ hours: [\"08:00\"] }] }", "bandwidth.between[0].hours"),
            ("{ between: [{ hours: [\"08:00\", \"24:00\"] }] }", "bandwidth.between[0].hours"),
            (
                "{ between: [{ hours: [\"08:00\", \"09:00\"], ip: 1 }] }", "bandwidth.between[0].ip"
            ),
        ])
    func mistakes(text: String, path: String) {
        let error = #expect(throws: ConfigurationError.self) { try limits(text) }
        #expect(error?.path == path)
    }

    @Test("Hours have limits of their own, and without any nothing is paced")
    func hours() throws {
        let read = try limits(
            """
            { up: "2 MB/s", between: [
                { hours: ["08:00", "18:00"], up: "200 kB/s" },
                { hours: ["17:00", "01:00"], down: "1 MB/s" } ] }
            """)
        for (minute, up, down) in [
            (0, 2e6, 1e6), (60, 2e6, nil), (8 * 60 - 1, 2e6, nil), (8 * 60, 2e5, nil), (17 * 60, 2e5, nil),
            (18 * 60, 2e6, 1e6), (24 * 60 - 1, 2e6, 1e6),
        ] as [(Int, Double, Double?)] {
            #expect(read.limits(at: minute) == .init(up: up, down: down), "\(minute)")
        }
        #expect(try BandwidthLimits(nil).pace == nil)
        #expect(try limits("{}").pace == nil)
    }
}
