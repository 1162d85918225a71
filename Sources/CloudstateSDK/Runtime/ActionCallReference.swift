import GRPCTransport
import NIOCore

/// A call of an action as its task sees it: something on another thread that may be over. Any thread.
final class ActionCallReference: Sendable {
  private let eventLoop: any EventLoop
  /// `nil` once the call is over, so that call and task do not keep each other alive.
  private let call: NIOLoopBoundBox<(any GRPCServerCall)?>

  /// On the event loop of the call.
  init(_ call: any GRPCServerCall) {
    eventLoop = call.eventLoop
    self.call = NIOLoopBoundBox(call, eventLoop: call.eventLoop)
  }

  /// The call, unless it is over. On its event loop only.
  var value: (any GRPCServerCall)? { call.value }

  /// The call is over. On its event loop only.
  func clear() { call.value = nil }

  /// Runs on the event loop of the call, soon and after everything given before.
  func onEventLoop(_ body: @escaping @Sendable () -> Void) { eventLoop.execute(body) }
}
