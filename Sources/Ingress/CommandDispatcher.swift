package import CloudstateModel
package import NIOCore

/// Brings a command to the node that owns its entity, wherever that is. What the ingress knows of the rest of
/// the system.
package protocol CommandDispatcher: Sendable {
  /// `completion` is called exactly once, on `eventLoop`, from which the call must come too.
  func dispatch(
    _ command: EntityCommand, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void)
}
