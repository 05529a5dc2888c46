import Foundation

/// This program started once more, for measurements that need a process of their own: its memory, its processor
/// time.
final class ChildProcess {
    /// First argument of a child; the second names its work in the ``ChildCatalog``.
    static let flag = "--child"

    private let process = Process()
    private let output = Pipe()
    private let input = Pipe()

    /// Starts a child with the arguments of its work.
    init(_ work: String, _ arguments: [String]) throws {
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = [Self.flag, work] + arguments
        process.standardOutput = output
        process.standardInput = input
        try process.run()
    }

    /// The first number that the child prints.
    func number() throws -> Double {
        let text = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let number = Double(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw BenchFailure.childFailed
        }
        return number
    }

    /// Ends the child, which waits for the end of its input.
    func end() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// Runs a child to its end and returns the number that it prints.
    static func result(_ work: String, _ arguments: [String]) throws -> Double {
        let child = try ChildProcess(work, arguments)
        defer { child.end() }
        return try child.number()
    }
}

/// What children do, by name. Each prints one number.
enum ChildCatalog {
    private static let works: [(name: String, run: @Sendable ([String]) throws -> Void)] = [
        ("receive-uploads", UploadServer.run), ("simulate", MemorySuite.simulate),
    ]

    /// Does the work that the arguments name, and ends the process.
    static func run(_ arguments: [String]) -> Never {
        do {
            guard let work = works.first(where: { $0.name == arguments.first }) else {
                throw BenchFailure.childFailed
            }
            try work.run(Array(arguments.dropFirst()))
            exit(0)
        } catch {
            FileHandle.standardError.write(Data("sordino-bench: \(error)\n".utf8))
            exit(1)
        }
    }

    /// Tells the parent.
    static func report(_ number: Double) {
        FileHandle.standardOutput.write(Data("\(number)\n".utf8))
    }
}
