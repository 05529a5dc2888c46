internal import Glibc

/// Memory that an agent at rest does not need: it waits for hours on a host that has other work.
enum IdleMemory {
    /// Gives back what the C library keeps of freed memory, and the pages of program and libraries, most of which were
    /// used in training or at the start only. What is needed again is mapped again from the files.
    static func giveBack() {
        // malloc.h is not among the headers that Swift's Glibc module shows; a C library without it keeps its
        // memory.
        if let symbol = dlsym(nil, "malloc_trim") {
            let trim = unsafeBitCast(symbol, to: (@convention(c) (Int) -> Int32).self)
            _ = trim(0)
        }
        for range in unchangedCode(mappings()) {
            madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), range.count, MADV_DONTNEED)
        }
    }

    /// The text of `/proc/self/smaps`, empty where there is none. The kernel hands it out in pieces of a page at most, at the
    /// first of which Foundation would take it to have ended.
    static func mappings() -> String {
        let descriptor = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += piece[..<count]
        }
    }

    /// The addresses of code that is mapped from files and of which no page differs from its file, by the text of
    /// `/proc/self/smaps`. What the loader or a debugger has changed would be lost.
    static func unchangedCode(_ smaps: String) -> [Range<UInt>] {
        var found: [Range<UInt>] = []
        var current: Range<UInt>?
        for line in smaps.split(separator: "\n") {
            if line.hasPrefix("Anonymous:") {
                if line.split(separator: " ").dropFirst().first == "0", let current { found.append(current) }
            } else if line.first.map({ $0.isHexDigit && !$0.isUppercase }) == true {
                current = codeRange(line)
            }
        }
        return found
    }

    /// The addresses of a mapping's first line if it maps code from a file and cannot be written to.
    private static func codeRange(_ line: Substring) -> Range<UInt>? {
        let fields = line.split(separator: " ", omittingEmptySubsequences: true)
        guard fields.count >= 6, fields[1] == "r-xp", fields[5].hasPrefix("/") else { return nil }
        let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
        guard ends.count == 2, ends[0] < ends[1] else { return nil }
        return ends[0]..<ends[1]
    }
}
