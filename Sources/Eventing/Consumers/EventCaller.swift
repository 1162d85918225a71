package import CloudstateModel
package import NIOCore

/// Runs calls of methods that consume events, with everything that follows from them. What consumers know of
/// the rest of the system.
package protocol EventCaller: Sendable {
  /// `completion` is called exactly once, on `eventLoop`, from which the call must come too; possibly from
  /// within.
  ///
  /// - Parameter key: the idempotency key of the call.
  func call(
    _ call: FunctionCall, key: String, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (EventOutcome) -> Void)
}
