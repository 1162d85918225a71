/// Why an answer to discovery cannot be served. Final: the user function is told by `reportError`, and asking
/// it again would give the same answer.
package struct DiscoveryError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The text for `reportError`; for known mistakes that of proxy behaviour, section 3.
  package let message: String

  package init(_ message: String) { self.message = message }

  package var description: String { message }
}
