/// Why TLS cannot be used as it was asked for: a file and what is wrong with it.
package struct TLSProblem: Error, Hashable, Sendable, CustomStringConvertible {
  /// For people; names the file and says what to do.
  package let description: String

  init(_ description: String) { self.description = description }
}
