internal import AggregationServer
internal import Configuration
internal import Operations

/// `sordino backup`: a consistent copy of a server's state in one file.
enum BackupCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino backup", summary: "Copy a server's state into one file, also while it serves.",
        positionals: [.init("STATE_DIR", "The server's state directory.")],
        options: [.value("out", "FILE", "The file to write, mode 0600.")],
        notes:
            "The ledger's signing key is in the copy: keep it as you keep the key. The open round, older models and "
            + "the key of noise in trees are not. Exit codes: 0 done, 2 usage, 6 storage.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let path = try options.required("out")
        guard case .file(let place, _) = try OutputFile.target(path) else {
            throw Failure(
                .storage, "\(path): is not a regular file, which a backup is written to whole or not at all")
        }
        let manifest = try Backup.make(of: options.operands[0], to: place)
        BackupText.write(
            manifest, "\(path): copied, the ledger's key included (keep the file secret)", options)
        return .done
    }
}

/// `sordino restore`: unpacks such a copy.
enum RestoreCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino restore", summary: "Unpack a backup of a server's state into an empty folder.",
        positionals: [
            .init("FILE", "What sordino backup wrote."),
            .init("STATE_DIR", "A folder that is empty or does not exist."),
        ], options: [],
        notes:
            "The server that starts on it passes over, and charges, rounds that agents served after the backup.\n"
            + "Exit codes: 0 done, 2 usage, 6 storage.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let manifest = try Backup.restore(options.operands[0], to: options.operands[1])
        BackupText.write(manifest, "\(options.operands[1]): restored, every digest verified", options)
        return .done
    }
}

/// What both commands print.
private enum BackupText {
    static func write(_ manifest: BackupManifest, _ headline: String, _ options: Options) {
        let bytes = manifest.files.reduce(0) { $0 + $1.bytes }
        if options.format == .json {
            let answer: [String: JSONValue] = [
                "run": .string(manifest.run), "round": .integer(manifest.round),
                "ledger_lines": .integer(manifest.lines), "ledger_head": .string(manifest.head),
                "files": .integer(manifest.files.count), "bytes": .integer(bytes), "keys": .bool(true),
            ]
            StandardOutput.write(JSONValue.object(answer).text(indented: true) + "\n")
            return
        }
        StandardOutput.write("\(headline)\n")
        StandardOutput.write(
            "run \(manifest.run) after round \(manifest.round): \(manifest.files.count) files, \(bytes) bytes\n"
        )
        StandardOutput.write("ledger: \(manifest.lines) lines, head \(manifest.head)\n")
    }
}
