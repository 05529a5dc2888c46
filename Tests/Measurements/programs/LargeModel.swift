internal import Cryptography
internal import Encoding
internal import Foundation
internal import Glibc
internal import HTTPWire
internal import Messages
internal import Notation
internal import Operations
internal import Synchronization
internal import Transport

/// Agents that load a large model and report on it, each on a connection of its own, and the check of what the server
/// published.
///
/// Reports are files, mapped: those of even agents are one, those of odd agents another, so that ten agents of a
/// gigabyte each need no ten gigabytes here.
struct LargeModel {
    /// What the published model must be, kept for ``check(_:)``.
    private struct Expectation: Codable {
        var count: Int
        /// Coordinate i of the pattern is `amplitude` × ((i / stride) mod 7 - 3) where stride divides i, else 0.
        var stride: Int
        var amplitude: Int
        /// The sum of all reports over the pattern.
        var factor: Int
        /// What the sum is divided by, in grid points a unit.
        var divisor: Double
        /// Standard deviation of the noise in the sum, in grid units; 0 without privacy.
        var deviation: Double

        func value(_ index: Int) -> Int {
            index % stride == 0 ? amplitude * (index / stride % 7 - 3) : 0
        }
    }

    /// Coordinates that are written or compared at once.
    private static let windowCount = 1 << 18

    private let agents: TestAgents
    private let folder: String
    private let count: Int
    private let server: String
    private let killsServer: Bool
    private let isLineBroken: Bool

    /// `PORT AUTHORITY FOLDER COUNT PID [kill|broken]`: as ``Load``; with `kill` the server is killed by SIGKILL as soon as
    /// it has taken the last report, and with `broken` reports go in parts where the line breaks.
    init(_ arguments: [String]) throws {
        guard (5...6).contains(arguments.count), let port = UInt16(arguments[0]),
            let count = Int(arguments[3]), count > 0,
            arguments.count == 5 || ["kill", "broken"].contains(arguments[5])
        else {
            throw Failure(
                .usage, "usage: sordino-measure large PORT AUTHORITY FOLDER COUNT PID [kill|broken]")
        }
        agents = try TestAgents(port: port, authority: arguments[1], folder: arguments[2])
        (folder, self.count, server) = (arguments[2], count, arguments[4])
        killsServer = arguments.last == "kill"
        isLineBroken = arguments.last == "broken"
    }

    /// Plays one round: all agents load the model, then all upload. Prints bytes and seconds.
    func run() throws {
        let clients = try (0..<count).map { Link(client: try agents.client($0)) }
        for link in clients { _ = try TestAgents.checkIn(link.client, waitSeconds: 0) }
        let plans = try clients.map { link in
            var plan: RoundOffer?
            while plan == nil { plan = try TestAgents.checkIn(link.client, waitSeconds: 10) }
            guard let plan else { throw Failure(.internalFault, "an agent has no plan") }
            return plan
        }
        let expectation = try expectation(plans[0])
        try Data(JSONEncoder().encode(expectation)).write(to: URL(fileURLWithPath: "\(folder)/expected.json"))
        let loading = try all(clients) { index, client in
            let target = try HashingDownload()
            let model = plans[index].model
            guard
                try client.download(AgentProtocol.paths.model(round: model.round), into: target) == .complete,
                try target.digest() == model.sha256, target.received == model.bytes
            else { throw Failure(.network, "agent \(index) loaded another model than was announced") }
        }
        print("\(count) agents loaded \(plans[0].model.bytes) bytes each in \(Self.text(loading)) s")
        let bodies = try (0..<2).map { try body($0, plans[0], expectation) }
        let taken = Atomic<Int>(0)
        let uploading = try all(clients) { [count, server, killsServer, isLineBroken] index, client in
            let path = AgentProtocol.paths.update(round: plans[index].round)
            var request = ClientRequest(.put, path, body: .shared(bodies[index % 2]))
            request.answerTimeout = 600_000
            let answer =
                isLineBroken
                ? try Self.upload(bodies[index % 2], plans[index], client) : try client.exchange(request)
            guard [202, isLineBroken ? 200 : 202].contains(answer.status) else {
                throw Failure(.network, "\(answer.status): \(answer.reason)")
            }
            let isLast = taken.add(1, ordering: .sequentiallyConsistent).newValue == count
            if isLast, killsServer, let process = pid_t(server) { kill(process, SIGKILL) }
        }
        print("\(count) agents uploaded \(bodies[0].count) bytes each in \(Self.text(uploading)) s")
        for index in bodies.indices { unlink("\(folder)/body-\(index)") }
    }

    /// Sends a report as agents do over a line that breaks, and tells how often it broke.
    private static func upload(
        _ body: SharedBuffer, _ plan: RoundOffer, _ client: HTTPClient
    ) throws -> ClientResponse {
        let path = AgentProtocol.paths.update(round: plan.round)
        let query = [("run", plan.run), ("sha256", try SHA256.text(of: body.bytes))]
        let question = ClientRequest(.get, path, query: query + [("bytes", String(body.count))])
        // A server that starts again reads its models first.
        client.configuration.retry.attempts = 50
        client.configuration.retry.maximum = 2000
        let breaks = Atomic<Int>(0)
        client.onRetry = { _, _ in breaks.add(1, ordering: .relaxed) }
        let answer = try client.upload(
            ResumableUpload(
                path: path, query: query, body: Array(body.bytes), question: question,
                offsetField: AgentProtocol.uploadOffsetHeader
            ) { try? ReceivedBytes(decoding: $0).received }, asks: false)
        print("the line broke \(breaks.load(ordering: .relaxed)) times under an upload")
        return answer
    }

    /// Carries out `work` for every client on a thread of its own; returns how long all took.
    private func all(
        _ clients: [Link], _ work: @escaping @Sendable (Int, HTTPClient) throws -> Void
    ) throws -> Duration {
        let shared = SharedError()
        let began = ContinuousClock.now
        let workers = try clients.enumerated().map { index, link in
            try WorkerThread(name: "agent-\(index)") {
                do { try work(index, link.client) } catch { shared.note(error) }
            }
        }
        for worker in workers { worker.join() }
        if let error = shared.first { throw Failure(.network, error) }
        return ContinuousClock.now - began
    }

    private static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        return String(format: "%.1f", Double(seconds) + Double(attoseconds) * 1e-18)
    }

    // MARK: Reports

    /// What an agent multiplies the pattern by, and its weight, which the server multiplies by too: different for even
    /// and odd agents where weights may differ, so that a report that is lost or counted twice shows.
    private static func share(_ index: Int, _ plan: RoundOffer) -> (factor: Int, weight: Int) {
        plan.privacy == nil && index % 2 == 1 ? (-1, 3) : (1, 1)
    }

    private func expectation(_ plan: RoundOffer) throws -> Expectation {
        let shares = (0..<count).map { Self.share($0, plan) }
        var expected = Expectation(
            count: plan.report.count, stride: 1, amplitude: 1 << 28,
            factor: shares.reduce(0) { $0 + $1.factor * $1.weight },
            divisor: Double(shares.reduce(0) { $0 + $1.weight }) * plan.report.scale, deviation: 0)
        guard let privacy = plan.privacy else { return expected }
        // The mean square of the pattern is 4: as large as the norm allows, or on fewer coordinates.
        let amplitude = privacy.encodedNorm / (4 * Double(plan.report.count)).squareRoot()
        expected.amplitude = max(1, Int(amplitude * 0.99))
        expected.stride = amplitude >= 1 ? 1 : Int((1.1 / (amplitude * amplitude)).rounded(.up))
        expected.divisor = Double(privacy.cohortSize) * plan.report.scale
        expected.deviation = privacy.noiseMultiplier * privacy.encodedNorm
        return expected
    }

    private func body(_ index: Int, _ plan: RoundOffer, _ expected: Expectation) throws -> SharedBuffer {
        let (factor, weight) = Self.share(index, plan)
        let path = "\(folder)/body-\(index)"
        let header = UpdateHeader(
            run: plan.run, round: plan.round, weight: weight, count: expected.count, bits: plan.report.bits,
            values: plan.privacy == nil ? .floats : .ring)
        guard let header else { throw Failure(.internalFault, "the plan has no run") }
        try AtomicFile.write(to: path) { file in
            try header.encoded().withUnsafeBytes { try file.append($0) }
            for start in stride(from: 0, to: expected.count, by: Self.windowCount) {
                let values = (start..<min(start + Self.windowCount, expected.count))
                    .map { Int64(factor * expected.value($0)) }
                if plan.privacy == nil {
                    // The pattern is exact in either form.
                    let floats = values.map { Float(Double($0) / plan.report.scale) }
                    try floats.withUnsafeBytes { try file.append($0) }
                    continue
                }
                var window = RingVector(zeros: values.count, bits: plan.report.bits)
                values.withUnsafeBufferPointer { window.add(integers: $0) }
                try window.forEachPackedPiece { try file.append($0) }
            }
        }
        return try SharedBuffer(mappingFileAt: path)
    }

    // MARK: The published model

    /// `FOLDER BEFORE AFTER`: holds every parameter of a published model against the one before it and the reports.
    static func check(_ arguments: [String]) throws {
        guard arguments.count == 3 else {
            throw Failure(.usage, "usage: sordino-measure large-check FOLDER BEFORE AFTER")
        }
        let text = try Data(contentsOf: URL(fileURLWithPath: "\(arguments[0])/expected.json"))
        let expected = try JSONDecoder().decode(Expectation.self, from: text)
        let (before, after) = (
            try SharedBuffer(mappingFileAt: arguments[1]), try SharedBuffer(mappingFileAt: arguments[2])
        )
        guard before.count > 4 * expected.count, after.count > 4 * expected.count else {
            throw Failure(.internalFault, "a model has not \(expected.count) parameters")
        }
        let slices = 16
        for slice in 0..<slices {
            let range = expected.count * slice / slices..<expected.count * (slice + 1) / slices
            try compare(range, expected, before, after)
        }
        print(
            expected.deviation == 0
                ? "all \(expected.count) parameters are exactly what the reports give"
                : "\(slices) slices of \(expected.count) parameters are what reports and noise give")
    }

    private static func compare(
        _ range: Range<Int>, _ expected: Expectation, _ before: SharedBuffer, _ after: SharedBuffer
    ) throws {
        func value(_ file: SharedBuffer, _ index: Int) -> Float {
            file.bytes.loadUnaligned(
                fromByteOffset: file.count - 4 * (expected.count - index), as: Float.self)
        }
        let unit = 1 / expected.divisor
        var (products, squares, residuals) = (0.0, 0.0, 0.0)
        for index in range {
            let sum = Double(expected.factor * expected.value(index))
            if expected.deviation == 0 {
                let wanted = value(before, index) + Float(sum * unit)
                guard value(after, index) == wanted else {
                    throw Failure(
                        .internalFault, "parameter \(index) is \(value(after, index)), not \(wanted)")
                }
            } else {
                let moved = (Double(value(after, index)) - Double(value(before, index))) / unit
                products += moved * sum
                squares += sum * sum
                residuals += (moved - sum) * (moved - sum)
            }
        }
        guard expected.deviation > 0 else { return }
        // The least-squares share of the reports in what moved, 1 but for noise, and the noise's own deviation.
        let share = products / squares
        let tolerance = 6 * expected.deviation / squares.squareRoot()
        let deviation = (residuals / Double(range.count)).squareRoot() / expected.deviation
        guard abs(share - 1) < tolerance, abs(deviation - 1) < 0.02 else {
            throw Failure(
                .internalFault,
                "parameters \(range): \(share) of the reports (1 ± \(tolerance)), \(deviation) of the noise")
        }
    }
}

/// An agent's connection.
///
/// `@unchecked Sendable`: one thread uses it at a time, and is joined before the next does.
private final class Link: @unchecked Sendable {
    let client: HTTPClient

    init(client: HTTPClient) { self.client = client }
}

/// The first error of many threads.
private final class SharedError: Sendable {
    private let error = Mutex<String?>(nil)

    var first: String? { error.withLock { $0 } }

    func note(_ error: any Error) { self.error.withLock { $0 = $0 ?? "\(error)" } }
}

/// A download of which only the digest is kept.
private final class HashingDownload: DownloadTarget {
    private var hash: SHA256?
    private(set) var received = 0
    private(set) var tag: String?

    init() throws { hash = try SHA256() }

    func begin(tag: String?, total: Int) throws(ClientError) {
        guard received == 0 else { throw .rejected("the download began anew") }
        self.tag = tag
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(ClientError) {
        do { try hash?.update(bytes) } catch { throw .rejected("\(error)") }
        received += bytes.count
    }

    /// The digest of all that came; to be called once.
    func digest() throws -> String { try Hexadecimal.text(of: hash.take()?.finish() ?? []) }
}
