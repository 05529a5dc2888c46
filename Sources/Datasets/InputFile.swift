internal import Configuration
internal import FoundationEssentials
internal import Glibc

/// Finds and reads the files that a data section names.
enum InputFile {
    /// Most bytes that one file may hold, after decompression.
    static let sizeLimit = 8 << 30

    /// The files that `path` names, sorted: itself, or what the glob pattern matches. Relative paths start from
    /// `folder`. Throws ``ConfigurationError`` when there is none.
    static func expand(_ path: String, folder: String) throws -> [String] {
        let absolute = resolve(path, folder: folder)
        var status = stat()
        if stat(absolute, &status) == 0 {
            guard status.st_mode & S_IFMT != S_IFDIR else {
                throw ConfigurationError(
                    path: absolute, problem: "is a folder; name a file or a pattern such as \"\(path)/*.csv\""
                )
            }
            return [absolute]
        }
        guard path.contains(where: { "*?[".contains($0) }) else { throw missing(absolute) }
        var result = glob_t()
        defer { globfree(&result) }
        guard glob(absolute, 0, nil, &result) == 0, let paths = result.gl_pathv else {
            throw ConfigurationError(path: absolute, problem: "no file matches this pattern")
        }
        return (0..<Int(result.gl_pathc)).compactMap { paths[$0].map { String(cString: $0) } }.sorted()
    }

    /// `path` from the root, where it is relative taken from `folder`.
    static func resolve(_ path: String, folder: String) -> String {
        path.hasPrefix("/") || folder.isEmpty ? path : folder + "/" + path
    }

    /// `path`, or `path` with `.gz` behind it, whichever is there.
    static func existing(_ path: String) -> String? {
        [path, path + ".gz"].first { FileManager.default.fileExists(atPath: $0) }
    }

    /// The content of a file; of a gzip file (by name or by its first bytes) what it decompresses to.
    /// Throws ``ConfigurationError`` where it cannot be read, or holds more than `limit` bytes.
    static func read(_ path: String, limit: Int = sizeLimit) throws -> [UInt8] {
        let bytes = try readPlain(path, limit: limit)
        guard path.hasSuffix(".gz") || Gzip.isCompressed(bytes) else { return bytes }
        return try Gzip.decompress(bytes, path: path, limit: limit)
    }

    /// That there is no such file, with the nearest name in its folder.
    static func missing(_ path: String) -> ConfigurationError {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        let names = try? FileManager.default.contentsOfDirectory(atPath: folder)
        guard let names else {
            return ConfigurationError(path: path, problem: "no such file (its folder is not there either)")
        }
        let nearest = Section.nearest(to: name, among: names)
        let hint = nearest.map { "; did you mean \"\($0)\"?" } ?? ""
        return ConfigurationError(path: path, problem: "no such file" + hint)
    }

    /// What a command line's `-` stands for.
    private static let standardInput = "/dev/stdin"

    /// Everything that a stream holds, to its end.
    private static func readStream(_ descriptor: Int32, _ name: String, limit: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = piece.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else {
                throw ConfigurationError(
                    path: name, problem: "cannot be read: \(String(cString: strerror(errno)))")
            }
            if count == 0 { return bytes }
            bytes += piece[..<count]
            guard bytes.count <= limit else {
                throw ConfigurationError(path: name, problem: "is larger than \(limit) bytes")
            }
        }
    }

    private static func readPlain(_ path: String, limit: Int) throws -> [UInt8] {
        if path == standardInput { return try readStream(STDIN_FILENO, "standard input", limit: limit) }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw errno == ENOENT
                ? missing(path) : ConfigurationError(path: path, problem: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var status = stat()
        let isKnown = fstat(descriptor, &status) == 0
        // What another program writes into a pipe is a file as any other.
        if isKnown, status.st_mode & S_IFMT == S_IFIFO {
            return try readStream(descriptor, path, limit: limit)
        }
        guard isKnown, status.st_mode & S_IFMT == S_IFREG else {
            throw ConfigurationError(path: path, problem: "is not a regular file")
        }
        guard status.st_size <= limit else {
            throw ConfigurationError(path: path, problem: "is larger than \(limit) bytes")
        }
        let size = Int(status.st_size)
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            while filled < size {
                let count = Glibc.read(descriptor, buffer.baseAddress.map { $0 + filled }, size - filled)
                if count < 0 && errno == EINTR { continue }
                if count < 0 { failure = errno }
                guard count > 0 else { return }
                filled += count
            }
        }
        guard failure == 0 else {
            throw ConfigurationError(
                path: path, problem: "cannot be read: \(String(cString: strerror(failure)))")
        }
        return bytes
    }
}
