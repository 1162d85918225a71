package import CloudstateModel
package import NIOCore

/// Runs commands, wherever that is. What the ingress knows of the rest of the system. All members are called
/// on the event loop they are given, and answer there.
package protocol CommandDispatcher: Sendable {
  /// Runs a command with everything that follows from it. `completion` is called exactly once; its answer
  /// is a reply, a failure or an error.
  func dispatch(
    _ command: EntityCommand, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void)

  /// Opens a call of an action.
  func open(
    _ request: ActionRequest, on eventLoop: any EventLoop, owner: any ActionCallOwner
  ) -> any ActionCall

  /// Runs what follows from one response of an action: its side effects, then its forward if it is one.
  /// `completion` as with ``dispatch(_:on:completion:)``.
  func settle(
    _ answer: CommandAnswer, of request: ActionRequest, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void)
}
