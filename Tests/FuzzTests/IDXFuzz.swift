// Fuzzes the reader of IDX images and labels. Run by FuzzDriverTests, and with libFuzzer by Tests/Fuzz/run.

import Compute
import Configuration
import Glibc

@testable import Datasets

private let folder = "/dev/shm/sordino-fuzz-\(getpid())-idx"
private let source: DataSource = {
    mkdir(folder, 0o700)
    let text =
        "{ format: 'idx', path: '\(folder)', images: 'images', labels: 'labels', split: { test: 0.5 } }"
    guard let section = try? JSONValue(json5: text.utf8, source: "fuzz"),
        let source = try? DataSource(section, path: "data", folder: "/")
    else { fatalError(text) }
    return source
}()

private func write(_ bytes: UnsafeRawBufferPointer.SubSequence, _ name: String) {
    let whole = UnsafeRawBufferPointer(rebasing: bytes)
    let descriptor = open("\(folder)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    precondition(Glibc.write(descriptor, whole.baseAddress, whole.count) == whole.count)
    close(descriptor)
}

enum IDXFuzz {
    /// The first two bytes say where the images end and the labels begin.
    static func run(_ input: UnsafeRawBufferPointer) {
        guard input.count > 2 else { return }
        let rest = input.dropFirst(2)
        let cut = min(Int(input[0]) << 8 | Int(input[1]), rest.count)
        let (images, labels) = (rest.prefix(cut), rest.dropFirst(cut))
        _ = source
        write(images, "images")
        write(labels, "labels")
        guard let dataset = try? source.load(seed: 1) else { return }
        let train = dataset.train
        guard case .bytes(let pixels, _) = train.features else {
            preconditionFailure("images are made of bytes")
        }
        precondition(pixels.count == train.count * train.featureCount, "images of another size")
        guard case .classes(let classes, let count) = train.targets else { preconditionFailure("no classes") }
        precondition(classes.count == train.count && classes.allSatisfy { (0..<Int32(count)).contains($0) })
    }
}
