import AccessControl
import DequeModule
import GRPCTransport
import NIOCore

/// Holds a call until its token is verified, then gives it to who serves it. Loop-bound to its call.
///
/// Meanwhile the call is not read; what its transport delivers nevertheless waits here, no more than it
/// would have buffered itself.
final class PendingCallHandler: GRPCServerCallHandler {
  private let call: any GRPCServerCall
  /// Of callers whose token is wrong; `nil`: they are refused.
  private let otherwise: AccessRights?
  private let open: (AccessRights) -> (any GRPCServerCallHandler)?
  /// Who serves the call, once it goes on.
  private var handler: (any GRPCServerCallHandler)?
  private var waiting: Deque<ByteBuffer> = []
  private var hasEnded = false
  private var isDecided = false
  /// How the call was cancelled.
  private var cancellation: GRPCStatus?
  private var isOver: Bool { cancellation != nil }

  init(
    call: any GRPCServerCall, otherwise: AccessRights? = nil,
    open: @escaping (AccessRights) -> (any GRPCServerCallHandler)?
  ) {
    self.call = call
    self.otherwise = otherwise
    self.open = open
    call.setReading(false)
  }

  func verified(_ verification: Authenticator.Verification) {
    guard !isOver, !isDecided else { return }
    isDecided = true
    guard let rights = verification.rights ?? otherwise else {
      if let refusal = verification.refusal { _ = AccessRefusal.refuse(call, refusal) }
      waiting.removeAll()
      return
    }
    guard let handler = open(rights) else {
      waiting.removeAll()
      return call.finish(.unknownMethod(call.path))
    }
    self.handler = handler
    // The client may have been found gone meanwhile, when nobody was there to be told.
    if let cancellation { return cancelled(cancellation) }
    // First, so that the handler may stop it again.
    call.setReading(true)
    while !isOver, let message = waiting.popFirst() { handler.receive(message) }
    if hasEnded, !isOver { handler.receiveEnd() }
  }

  func receive(_ message: ByteBuffer) {
    if let handler { handler.receive(message) } else if !isDecided { waiting.append(message) }
  }

  func receiveEnd() {
    hasEnded = true
    handler?.receiveEnd()
  }

  func writabilityChanged(_ isWritable: Bool) { handler?.writabilityChanged(isWritable) }

  func cancelled(_ status: GRPCStatus) {
    cancellation = status
    waiting.removeAll()
    handler?.cancelled(status)
    handler = nil
  }
}
