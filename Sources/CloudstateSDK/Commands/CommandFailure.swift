/// A regular, expected failure of a command: throw it from a handler, and the caller gets the text.
///
/// If the command has emitted events before, none of them is stored: the instance is rebuilt from
/// its stored events before its next command.
public struct CommandFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// What went wrong, for the caller.
  public let description: String

  /// Fails with a text for the caller.
  public init(_ description: String) { self.description = description }
}
