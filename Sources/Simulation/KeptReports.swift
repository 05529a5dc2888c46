internal import Federation
internal import Synchronization

/// Single reports, kept for a rule that has to see them or until a buffer is full; in other plans nothing is kept.
///
/// Workers put them in as they come; they are read in the order of clients, so that their number does not matter.
final class KeptReports: Sendable {
    /// One client's report.
    ///
    /// Unchecked because its bytes are written before it is shared and only read after.
    final class Report: @unchecked Sendable {
        fileprivate let bytes: UnsafeRawBufferPointer

        fileprivate init(copying bytes: UnsafeRawBufferPointer) {
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
            copy.copyMemory(from: bytes)
            self.bytes = UnsafeRawBufferPointer(copy)
        }

        deinit { bytes.deallocate() }
    }

    private let form: IndividualReport.Form
    private let reports = Mutex<[Int: Report]>([:])

    init(form: IndividualReport.Form) { self.form = form }

    /// Keeps a copy of a client's report.
    func keep(_ bytes: UnsafeRawBufferPointer, of client: Int) {
        let report = Report(copying: bytes)
        reports.withLock { $0[client] = report }
    }

    /// Gives the reports of these clients up; those that were asked for before stay as long as they are held.
    func forget(_ clients: [Int]) {
        reports.withLock { reports in
            for client in clients { reports[client] = nil }
        }
    }

    /// The reports of these clients, in the order given; those that are not kept are left out.
    func reports(of clients: [Int]) -> [IndividualReport] {
        let kept = reports.withLock { $0 }
        return clients.compactMap { client in
            kept[client].map { IndividualReport($0.bytes, as: form, keptBy: $0) }
        }
    }
}
