internal import Glibc

/// What is known of a terminal that a command prints to.
package enum Terminal {
    /// Columns that are believed; what is outside is no width that a table could be fitted to.
    private static let believable = 20...10_000

    /// Characters of a line of the terminal at a descriptor: `COLUMNS` where that is set, else what the terminal says.
    /// Nil where there is no terminal, as in a pipe or a file, or nobody knows.
    package static func width(
        of descriptor: Int32 = STDOUT_FILENO, columns: String? = getenv("COLUMNS").map { String(cString: $0) }
    ) -> Int? {
        guard isatty(descriptor) == 1 else { return nil }
        if let stated = columns.flatMap({ Int($0) }), believable.contains(stated) { return stated }
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, believable.contains(Int(size.ws_col)) else {
            return nil
        }
        return Int(size.ws_col)
    }
}
