/// A mistake in the HTTP rules of a service (proxy behaviour, section 12.2). Final: the user function is told,
/// and the node does not start.
package struct HTTPRuleError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The text for `reportError`.
  package let message: String

  package var description: String { message }

  init(message: String) { self.message = message }

  /// A mistake in anything but a path template.
  static func rule(_ text: String) -> HTTPRuleError {
    HTTPRuleError(message: "HTTP API Config: " + text)
  }
}
