internal import Encoding
internal import Federation
internal import Messages
internal import Transport

/// Reads kept reports of a run back, and holds them against its task: what lies on a disk may be anything.
struct ReportReader {
    let plan: TaskPlan
    let books: BookDesk
    let state: StateDirectory
    let spool: Spool
    let journal: ReportJournal

    /// The kept reports of these clients, in this order, for a rule that looks at them singly. Throws where one of them is
    /// missing, damaged, or another round's.
    func individualReports(of clients: [Int], round: Int) throws -> [IndividualReport] {
        let small = try journal.records(run: books.run.run, round: round)
        return try clients.map { client in
            let (update, header): (SharedBuffer, UpdateHeader)
            if let body = small[client] {
                update = SharedBuffer(body)
                header = try self.header(of: update.bytes, path: journal.path)
            } else {
                (update, header) = try report(of: client, round: round)
            }
            return IndividualReport(
                Self.vector(update.bytes),
                as: header.values == .floats ? .floats : .integers(bits: header.bits), keptBy: update)
        }
    }

    /// The kept reports of a full buffer. Throws where one of them is missing, damaged, or another round's.
    func bufferedReports(of entries: [BufferedEngine.Entry]) throws -> [BufferedReport] {
        try entries.map { entry in
            let (update, header) = try report(of: entry.client, round: entry.round)
            let report = IndividualReport(
                Self.vector(update.bytes),
                as: header.values == .floats ? .floats : .integers(bits: header.bits), keptBy: update)
            return BufferedReport(report, weight: header.weight, staleness: entry.staleness)
        }
    }

    /// A client's kept report with a file of its own; throws where that is missing, damaged, or another round's.
    func report(of client: Int, round: Int) throws -> (update: SharedBuffer, header: UpdateHeader) {
        let path = spool.reportPath(round: round, client: client)
        let report = try report(at: path)
        guard report.header.round == round, report.header.runText == books.run.run else {
            throw StateDirectory.damaged(path)
        }
        return report
    }

    /// A report's file, mapped, and its header; throws where it holds no vector of this task. Adding it copies
    /// nothing: a model may have a gigabyte.
    func report(at path: String) throws -> (update: SharedBuffer, header: UpdateHeader) {
        guard let file = try state.map(path) else { throw StateDirectory.missing(path) }
        return (file, try header(of: file.bytes, path: path))
    }

    /// The header of a report of this task; throws where the bytes of `path` are none.
    func header(of update: UnsafeRawBufferPointer, path: String) throws -> UpdateHeader {
        guard let header = try? UpdateHeader(decoding: update) else { throw StateDirectory.damaged(path) }
        let vector = Self.vector(update)
        guard header.count == plan.report.count, header.bits == plan.codec.bits,
            vector.count == header.bodyByteCount(compressed: plan.reportBytes), isForm(vector, of: header)
        else { throw StateDirectory.damaged(path) }
        return header
    }

    private func isForm(_ vector: UnsafeRawBufferPointer, of header: UpdateHeader) -> Bool {
        switch header.values {
        case .floats: plan.sendsFloats && plan.compression == nil
        case .compressed: plan.compression?.compressor.norm(vector, count: header.count) != nil
        case .ring: RingVector.isWireForm(vector, count: header.count, bits: header.bits)
        }
    }

    /// What is behind a report's header.
    static func vector(_ update: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: update[UpdateHeader.byteCount...])
    }
}
