internal import Configuration

/// Which images are read and how, as the data section of a configuration says.
struct ImageOptions: Sendable {
    let path: String
    let files: any ImageFiles
    let classNames: [String]?
    let normalize: NormalizationRule
    let shape: [Int]?

    /// Reads the keys that all formats of images have; `files` reads those of one.
    init(_ section: Section, files: (Section, _ path: String) throws -> any ImageFiles) throws {
        guard let path = try section.string("path") else {
            throw section.error("path", "is missing: name the folder of the images")
        }
        self.path = path
        self.files = try files(section, path)
        classNames = try LabelRule.classNames(section)
        normalize =
            try section.value("normalize").map {
                try NormalizationRule($0, path: section.path + ".normalize")
            } ?? .none
        if case .range = normalize {
            throw section.error("normalize", "must be \"none\", \"standardize\" or \"min_max\"")
        }
        shape = try TableOptions.shape(section)
    }
}
