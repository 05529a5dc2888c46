/// A plan that privacy forbids: the budget affords not even one round.
package struct PrivacyRefusal: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
