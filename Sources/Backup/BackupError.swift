/// Why a backup cannot be made, read or restored.
package struct BackupError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: String, Sendable {
    /// What was asked for makes no sense.
    case usage
    /// A file is not what was written.
    case damaged
    /// There is no finished backup.
    case notFound
    /// The folder or a target is in use, not empty, or holds something else.
    case conflict
    /// Newer software made it.
    case newerFormat
    /// The disk refused.
    case inputOutput
  }

  package let code: Code
  /// What happened and what to do about it, for people.
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}
