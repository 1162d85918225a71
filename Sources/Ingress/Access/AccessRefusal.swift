import CloudstateModel
package import GRPCTransport
import NIOCore

/// What callers are told whose calls are not let through: the same words for all of them, so that nobody
/// learns what there is, or which part of his credentials is wrong.
package enum AccessRefusal {
  static let unauthenticated = CommandError(
    .unauthenticated, "valid credentials are needed: send the header 'authorization: Bearer TOKEN'")
  static let denied = CommandError(
    .permissionDenied,
    "you may not do this; who runs the node can ask 'cs-admin auth check' for the reason")
  static let expired = CommandError(
    .unauthenticated, "the token has expired; get another one and call again")
  static let overloaded = CommandError(
    .overloaded, "too many calls wait until their tokens are verified; try again later")
  static let stopping = CommandError(.stopping, "the node is stopping; go on at another node")

  /// Ends a call whose caller may not make it.
  ///
  /// - Returns: who hears of the call until it is gone.
  @discardableResult
  package static func deny(_ call: any GRPCServerCall) -> any GRPCServerCallHandler {
    refuse(call, denied)
  }

  static func refuse(
    _ call: any GRPCServerCall, _ error: CommandError
  ) -> any GRPCServerCallHandler {
    CallEnding.finish(call, with: .error(error), trailers: GRPCMetadata())
    return RefusedCallHandler()
  }
}

/// Of a call that is over.
private final class RefusedCallHandler: GRPCServerCallHandler {
  func receive(_ message: ByteBuffer) {}
  func receiveEnd() {}
  func writabilityChanged(_ isWritable: Bool) {}
  func cancelled(_ status: GRPCStatus) {}
}

extension HTTPProblem {
  /// Over HTTP, a refusal by the machinery.
  init(_ error: CommandError) {
    let failure = CallFailure(error)
    self.init(
      httpStatus: failure.status.code.httpStatus, code: failure.status.code,
      message: error.message, headers: failure.trailers)
    // RFC 9110, 15.5.2.
    if error.code == .unauthenticated { headers.add("www-authenticate", "Bearer") }
  }
}
