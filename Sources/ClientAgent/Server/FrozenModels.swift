internal import Federation
internal import Glibc
internal import Learning
internal import Operations

/// The frozen parameters of the task's model: fetched once into a folder of the agent's, read into memory when a round
/// needs them.
///
/// `SHA256.part` grows while it is fetched, over any number of processes; when its digest is the task's it becomes
/// `SHA256.safetensors`. Files of digests that no task wants are removed.
final class FrozenModels {
    /// The folder's name in the state directory.
    static let folderName = "frozen"

    private let folder: String
    private let log: Logger
    private var loaded: (sha256: String, part: FrozenPart)?
    /// Digests of the tasks that the agent serves in turn, by server; their files stay.
    var wanted: [String: Set<String>] = [:]
    /// The digests whose files are the only ones left in the folder.
    private var cleaned: Set<String>?

    /// Makes nothing yet.
    init(folder: String, log: Logger) { (self.folder, self.log) = (folder, log) }

    /// Where the whole file of a digest lies in a folder.
    static func path(_ sha256: String, in folder: String) -> String { "\(folder)/\(sha256).safetensors" }

    /// Whether the file that a model states seems to lie in the folder: its digest is not looked at.
    static func isThere(_ digest: FrozenDigest, in folder: String) -> Bool {
        (try? StoredFile.size(at: path(digest.sha256, in: folder), followsLinks: false)) == digest.bytes
    }

    /// What the model needs, fetched where it is not there; nil where nothing is frozen. With `loads` its values are read
    /// into memory and kept until ``rest()``. Throws ``TrainerFailure`` where the server does not have what the task states,
    /// `ClientError`, or a storage ``Failure``.
    func part(of model: Model, loads: Bool, from link: ServerLink) throws -> FrozenPart? {
        guard let stated = model.spec.frozenFile else {
            rest()
            if access(folder, F_OK) == 0 { try clean(keeping: "") }
            return nil
        }
        if let loaded, loaded.sha256 == stated.sha256, loaded.part.parameters != nil || !loads {
            return loaded.part
        }
        rest()
        _ = try OutputDirectory(folder, mode: 0o700)
        try clean(keeping: stated.sha256)
        let path = Self.path(stated.sha256, in: folder)
        let isHere = access(path, F_OK) == 0
        if isHere {
            if let part = try? read(path, stated, model, loads) { return keep(part, stated) }
            log.warning(
                "the file of frozen parameters is damaged and is fetched again", ["path": .text(path)])
            unlink(path)
        }
        try fetch(stated, model, to: path, from: link)
        return keep(try read(path, stated, model, loads), stated)
    }

    /// Forgets values that are in memory; the file stays.
    func rest() { loaded = nil }

    private func keep(_ part: FrozenPart, _ stated: FrozenDigest) -> FrozenPart {
        loaded = (stated.sha256, part)
        return part
    }

    private func read(
        _ path: String, _ stated: FrozenDigest, _ model: Model, _ loads: Bool
    ) throws -> FrozenPart {
        guard loads else {
            try FrozenModelFile.verify(path, digest: stated, layout: model.frozenLayout)
            return FrozenPart(path: path)
        }
        return FrozenPart(
            try FrozenModelFile.read(path, digest: stated, layout: model.frozenLayout), path: path)
    }

    /// Fetches the file, from where an earlier attempt stopped, and gives it its name once its digest is the stated one.
    private func fetch(
        _ stated: FrozenDigest, _ model: Model, to path: String, from link: ServerLink
    ) throws {
        let partial = "\(folder)/\(stated.sha256).part"
        // What an earlier process left may be damaged: then all of it comes anew, once.
        for _ in 0..<2 {
            let target = try FileDownload(
                path: partial, digest: stated.sha256, count: stated.bytes, tag: "\"\(stated.sha256)\"")
            log.info(
                "fetching the model's frozen parameters",
                ["bytes": .integer(stated.bytes), "here": .integer(target.received)])
            try link.fetchFrozen(into: target)
            do {
                try FrozenModelFile.verify(partial, digest: stated, layout: model.frozenLayout)
            } catch {
                unlink(partial)
                continue
            }
            // Nothing is lost with a name that a crash takes back: whoever reads the file verifies it.
            guard rename(partial, path) == 0 else {
                throw Failure(.storage, "cannot write \(path): \(String(cString: strerror(errno)))")
            }
            return
        }
        throw TrainerFailure("the frozen parameters that the server gives have not the stated SHA-256")
    }

    private func clean(keeping sha256: String) throws {
        let kept = wanted.values.reduce(into: [sha256]) { $0.formUnion($1) } as Set<String>
        guard cleaned != kept else { return }
        for name in try StateDirectory.names(in: folder)
        where !kept.contains(name.split(separator: ".").first.map(String.init) ?? "") {
            unlink("\(folder)/\(name)")
        }
        cleaned = kept
    }
}
