/// How a program of this package ends. Scripts rely on these numbers, so they never change meaning.
package enum ExitStatus: Int32, Sendable, CaseIterable {
  case ok = 0
  /// Something went wrong that no other status describes.
  case failure = 1
  /// The command line, a setting or a configuration file is wrong; nothing was done.
  case usage = 2
  /// The other side could not be reached, or did not answer in time.
  case unreachable = 3
  /// The user function refused the command (a domain failure).
  case rejected = 4
  /// What was named does not exist, or nobody answers for it.
  case notFound = 5
  /// The caller may not do this.
  case denied = 6
  /// The state is not the one the caller expected, for example another sequence number.
  case conflict = 7
  /// Ended by Ctrl-C (128 + SIGINT) before the work was done.
  case interrupted = 130
}
