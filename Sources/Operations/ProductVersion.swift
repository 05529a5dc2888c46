/// The version of the product, as summaries, models and `--version` state it.
package enum ProductVersion {
    package static let current = "0.2.0"
}
