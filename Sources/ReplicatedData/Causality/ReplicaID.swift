/// The name under which one copy of the data makes changes.
///
/// A replica numbers its changes of a value, and a number is never used for two changes: a copy that lost
/// its state, or came back with an older one, has to continue under another name. Otherwise its new changes
/// would be taken for old ones and disappear.
///
/// Legal names have 1 to 255 printable ASCII characters. For these Swift compares texts by their bytes, as
/// the stored form does; for others it does not.
package struct ReplicaID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package static let maximumLength = 255

  package let text: String

  /// Accepts a legal name and answers `nil` for every other text.
  package init?(_ text: String) {
    guard !text.isEmpty, text.utf8.count <= Self.maximumLength,
      text.utf8.allSatisfy({ (0x20...0x7e).contains($0) })
    else { return nil }
    self.text = text
  }

  package var description: String { text }

  package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}
