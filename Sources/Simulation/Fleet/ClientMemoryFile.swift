internal import Cryptography
package import Federation
internal import Foundation
internal import Glibc
internal import Operations
internal import Synchronization

/// What the clients of a simulation keep from round to round, in one file: its size is bounded by the disk, and what of
/// it is in memory by what the system has to spare.
///
/// Each client has three places: what it keeps, what the last checkpoint refers to, and what a round that is not over
/// makes. A resumed run so finds what the checkpoint saw, whatever was written after it. Places that were never written take
/// no room.
package final class ClientMemoryFile: Sendable {
    /// A client's places, from 1; 0: none.
    private struct Places {
        var current: UInt8 = 0
        var checkpointed: UInt8 = 0
        /// The beginnings of the digests of what the places hold.
        var digests: (UInt64, UInt64, UInt64) = (0, 0, 0)

        /// A place whose contents nobody needs.
        var free: UInt8 { (1...3).first { $0 != current && $0 != checkpointed } ?? 0 }

        subscript(place: UInt8) -> UInt64 {
            get { place == 1 ? digests.0 : place == 2 ? digests.1 : digests.2 }
            set {
                switch place {
                case 1: digests.0 = newValue
                case 2: digests.1 = newValue
                default: digests.2 = newValue
                }
            }
        }
    }

    private struct State {
        var places: [Int: Places] = [:]
        /// Where clients of the round at hand wrote.
        var staged: [Int: UInt8] = [:]
        /// Why the file could not be read or written.
        var failure: Failure?
    }

    /// What a checkpoint says of the file.
    package struct Binding: Equatable, Sendable {
        /// The place of each client's values, two bits a client, the lowest bits of the first byte first.
        package var places: [UInt8]
        /// What those values hash to, all together.
        package var digest: UInt64

        package init(places: [UInt8], digest: UInt64) { (self.places, self.digest) = (places, digest) }
    }

    private static let placesPerClient = 3
    private let descriptor: Int32
    private let path: String
    private let vectors: [ClientMemoryVector]
    private let clients: Int
    /// Bytes of one client's values.
    private let valueBytes: Int
    private let state = Mutex(State())

    /// The file at `path`, made where it is not there; a nameless one that ends with the process where nil. Throws a
    /// storage ``Failure``.
    package init(path: String?, vectors: [ClientMemoryVector], clients: Int) throws {
        (self.vectors, self.clients) = (vectors, clients)
        valueBytes = 4 * vectors.reduce(0) { $0 + $1.count }
        if let path {
            self.path = path
            descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode_t(0o600))
        } else {
            var name = Array("\(FileManager.default.temporaryDirectory.path)/sordino-XXXXXX".utf8CString)
            self.path = "the clients' memory"
            descriptor = mkstemp(&name)
            unlink(name)
        }
        guard descriptor >= 0 else { throw Self.failure("open", self.path) }
    }

    deinit { close(descriptor) }

    // MARK: A round

    /// Loads what a client keeps; zeros before its first round. Throws a storage ``Failure``.
    func load(_ client: Int, into memory: ClientMemory) throws {
        let place = state.withLock { $0.places[client]?.current ?? 0 }
        guard place > 0 else { return memory.clear() }
        try noting {
            let found = read(UnsafeMutableRawBufferPointer(memory.values), at: offset(client, place))
            guard found == valueBytes else { throw Self.failure("read", path) }
        }
    }

    /// Writes what a client shall keep if its report is accepted. Throws a storage ``Failure``.
    func stage(_ client: Int, _ memory: ClientMemory) throws {
        precondition(memory.vectors == vectors && client < clients, "the memory of another federation")
        let place = state.withLock { $0.places[client, default: Places()].free }
        let values = UnsafeRawBufferPointer(memory.values)
        try noting {
            guard write(values, at: offset(client, place)) else { throw Self.failure("write", path) }
        }
        let digest = try Self.digest(values, client)
        state.withLock {
            $0.staged[client] = place
            $0.places[client, default: Places()][place] = digest
        }
    }

    /// The reports of these clients were accepted: they keep what they made. Everything else that was made in the round is
    /// forgotten. Throws the storage ``Failure`` of any client's that was noted: the run cannot go on.
    func accept(_ accepted: [Int]) throws {
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            for client in accepted {
                guard let place = state.staged[client] else { continue }
                state.places[client]?.current = place
            }
            state.staged = [:]
        }
    }

    // MARK: Checkpoints

    /// Makes what clients keep durable and says what a checkpoint needs to find it again. Throws a storage ``Failure``.
    func bind() throws -> Binding {
        guard fdatasync(descriptor) == 0 else { throw Self.failure("sync", path) }
        return state.withLock { state in
            var binding = Binding(places: [], digest: 0)
            let kept = state.places.filter { $0.value.current > 0 }
            binding.places = [UInt8](repeating: 0, count: kept.keys.max().map { $0 / 4 + 1 } ?? 0)
            for (client, places) in kept {
                binding.places[client / 4] |= places.current << UInt8(2 * (client % 4))
                binding.digest ^= places[places.current]
            }
            return binding
        }
    }

    /// The last ``bind()`` stands in a checkpoint: from here on that is what a resumed run finds.
    func checkpointed() {
        state.withLock { state in
            state.places = state.places.mapValues { places in
                var places = places
                places.checkpointed = places.current
                return places
            }
        }
    }

    /// Takes up what a checkpoint refers to, reading all of it once. Throws a storage ``Failure`` where the file does not
    /// hold it.
    func restore(_ binding: Binding) throws {
        let memory = ClientMemory(vectors)
        var (places, digest): ([Int: Places], UInt64) = ([:], 0)
        for (byte, bits) in binding.places.enumerated() where bits != 0 {
            for part in 0..<4 {
                let place = bits >> UInt8(2 * part) & 3
                let client = 4 * byte + part
                guard place > 0 else { continue }
                let values = UnsafeMutableRawBufferPointer(memory.values)
                guard client < clients, read(values, at: offset(client, place)) == valueBytes else {
                    throw damaged
                }
                var own = Places()
                (own.current, own.checkpointed) = (place, place)
                own[place] = try Self.digest(UnsafeRawBufferPointer(values), client)
                digest ^= own[place]
                places[client] = own
            }
        }
        guard digest == binding.digest else { throw damaged }
        state.withLock { $0 = State(places: places) }
    }

    private var damaged: Failure {
        Failure(
            .storage,
            "\(path): does not hold what its checkpoint says clients keep; run with --overwrite in place of --resume"
        )
    }

    // MARK: Bytes

    private func offset(_ client: Int, _ place: UInt8) -> Int {
        (Self.placesPerClient * client + Int(place) - 1) * valueBytes
    }

    /// The first eight bytes of the SHA-256 of a client's number and values.
    private static func digest(_ values: UnsafeRawBufferPointer, _ client: Int) throws -> UInt64 {
        var hash = try SHA256()
        try withUnsafeBytes(of: UInt64(client).littleEndian) { try hash.update($0) }
        try hash.update(values)
        return try hash.finish().prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    private func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[done...])
            let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            done += count
        }
        return done
    }

    private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }

    /// Remembers what went wrong: a client's failure is the round's affair, a disk's the run's.
    private func noting(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch {
            state.withLock { $0.failure = $0.failure ?? error as? Failure }
            throw error
        }
    }

    private static func failure(_ action: String, _ path: String) -> Failure {
        Failure(.storage, "cannot \(action) \(path): \(String(cString: strerror(errno)))")
    }
}
