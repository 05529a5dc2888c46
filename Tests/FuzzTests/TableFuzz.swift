// Fuzzes the readers of tables: CSV, whitespace and ARFF. Run by FuzzDriverTests, and with libFuzzer by Tests/Fuzz/run.

import Compute
import Configuration
import Glibc

@testable import Datasets

private let path = "/dev/shm/sordino-fuzz-\(getpid()).csv"

/// Ways to read a table; the first byte of the input chooses, from "0" on.
private let sections: [String] = [
    "{ format: 'csv', label: -1 }", "{ format: 'csv', label: 0, header: false, on_bad_row: 'skip' }",
    "{ format: 'csv', label: -1, delimiter: ';', on_missing: 'mean', normalize: 'standardize' }",
    "{ format: 'csv', label: -1, categorical: { '0': 'one_hot' }, on_missing: 'median', missing_indicator: true }",
    "{ format: 'table', label: -1, on_missing: 'drop', on_bad_row: 'skip' }",
    "{ format: 'table', label: 0, task: 'regression', normalize: 'min_max', split: { test: 0.3 } }",
    "{ format: 'arff', label: -1, on_missing: 'zero', on_bad_row: 'skip' }",
    "{ format: 'csv', label: -1, label_threshold: 0, skip_lines: 1, split: { test: 0.2, validation: 0.2 } }",
    "{ format: 'csv', label: -1, delimiter: ';', decimal: ',', thousands: '.', comment: '|', on_bad_row: 'skip' }",
    "{ format: 'csv', label: -1, encoding: 'utf-16', on_bad_row: 'skip', on_missing: 'zero' }",
    "{ format: 'csv', label: 0, encoding: 'windows-1252', group: 1, split: { by: 'group', test: 0.3 } }",
    "{ format: 'csv', label: -1, task: 'regression', normalize_label: 'standardize', decimal: ',', thousands: ' ', delimiter: '|' }",
    "{ format: 'arff', label: -1, task: 'regression', normalize_label: 'min_max', on_missing: 'mean' }",
    "{ format: 'arff', label: 0, group: 1, split: { by: 'group', folds: 3, fold: 1 }, on_bad_row: 'skip' }",
]
private let sources: [DataSource] = sections.map { text in
    guard case .object(var members)? = try? JSONValue(json5: text.utf8, source: "fuzz") else {
        fatalError(text)
    }
    members["path"] = .string(path)
    guard let source = try? DataSource(.object(members), path: "data", folder: "/") else { fatalError(text) }
    return source
}

private func write(_ bytes: UnsafeRawBufferPointer) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    precondition(Glibc.write(descriptor, bytes.baseAddress, bytes.count) == bytes.count)
    close(descriptor)
}

enum TableFuzz {
    /// What is read has as many targets as rows and no value that is not finite; nothing traps.
    static func run(_ input: UnsafeRawBufferPointer) {
        guard let kind = input.first else { return }
        write(UnsafeRawBufferPointer(rebasing: input.dropFirst()))
        guard let dataset = try? sources[Int(kind &- 48) % sources.count].load(seed: 1) else { return }
        let train = dataset.train
        guard case .floats(let values) = train.features else {
            preconditionFailure("a table is made of numbers")
        }
        precondition(values.count == train.count * train.featureCount, "rows of another width")
        precondition(values.allSatisfy(\.isFinite), "a feature is not finite")
        switch train.targets {
        case .classes(let labels, let count):
            precondition(labels.count == train.count && labels.allSatisfy { (0..<Int32(count)).contains($0) })
        case .values(let values, let width):
            precondition(values.count == train.count * width && values.allSatisfy(\.isFinite))
        case .tokens: preconditionFailure("a table has one target a row")
        }
    }
}
