/// Why the cluster's machinery refused or could not go on.
package struct ClusterError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What to switch on.
  package enum Code: String, Sendable {
    /// A message of another process breaks its format or names something illegal.
    case malformedMessage
    /// A setting is out of its range or contradicts another.
    case invalidConfiguration
    /// The coordinator's folder cannot be created or opened as a database.
    case cannotOpenStore
    /// Another process has the coordinator's folder open.
    case storeInUse
    /// The coordinator's folder was written by a newer version of this software.
    case unknownFormatVersion
    /// A stored record does not match its checksum or its format.
    case corruptRecord
    /// The disk refused a read, a write or a sync.
    case storeFailed
    /// Another coordinator leads, or may; nothing was written, or what was written stands with the next leader.
    case leadershipLost
    /// The coordinator did not answer.
    case unreachable
    /// The component has been stopped.
    case stopped
  }

  /// What to switch on.
  package let code: Code
  /// What happened and what to do about it, for people.
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { "\(code.rawValue): \(message)" }
}
