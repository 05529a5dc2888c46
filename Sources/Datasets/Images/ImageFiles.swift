/// Files of labelled images in one format: where they lie and how they are read.
///
/// Adding a format is one type that conforms, and its name in ``DataSource``.
protocol ImageFiles: Sendable {
    /// Reads the training images and, where there is one, the test part. `classes` are the model's or the section's, in
    /// whose order labels are numbered where files name them; nil where the files decide. Throws `ConfigurationError`
    /// naming the file.
    func load(folder: String, classes: [String]?) throws -> (train: ImageSet, test: ImageSet?)

    /// Reads one part for a model that has these classes: the training images, or with `use.testPart` the test part
    /// where there is one.
    func part(_ use: DataSource.Use, folder: String, classes: [String]) throws -> ImageSet
}

/// One part of the images of a data section.
struct ImageSet {
    let table: ImageTable
    /// Names of the classes in the order of the labels' numbers; nil where labels are mere numbers.
    var classNames: [String]?
    /// Natural client of each image, as a place in `groupNames`; empty without groups.
    var groups: [Int32] = []
    var groupNames: [String] = []
    /// The files that messages about images and about labels name.
    let imagePath: String
    let labelPath: String
    /// What should be thought about, one line each.
    var warnings: [String] = []

    init(_ table: ImageTable, imagePath: String, labelPath: String) {
        (self.table, self.imagePath, self.labelPath) = (table, imagePath, labelPath)
    }
}
