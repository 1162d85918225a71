/// Why a message could not be read or converted.
package struct TranscodingError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong, for decisions.
  package enum Kind: Hashable, Sendable {
    /// The pool has no message of this name.
    case noSuchMessage
    /// Bytes are not a complete message of the type.
    case malformedBinary
    /// The binary is a message, but has no JSON form: an `Any` of an unknown type, a timestamp out of range.
    case unprintable
    /// The text is not JSON, or not the JSON form of the type.
    case invalidJSON
    /// The JSON names a field that the type does not have.
    case unknownField
  }

  package let kind: Kind
  /// One sentence for people, naming the place and, for an unknown field, the nearest known one.
  package let message: String

  package init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  package var description: String { message }
}
