/// Why descriptors cannot be used.
package struct DescriptorError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong, for decisions.
  package enum Kind: Hashable, Sendable {
    /// Bytes are not the descriptor message they should be.
    case unparseable
    /// Files import each other.
    case circularDependency
    /// An imported file is nowhere to be found.
    case missingDependency
    /// Well formed, but against the rules of the protobuf language, or unusable for what was asked.
    case invalid
    /// There is no message of this name.
    case noSuchMessage
  }

  package let kind: Kind
  /// One sentence for people, naming the files or symbols.
  package let message: String

  package init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  package var description: String { message }
}
