package import CloudstateModel
package import GRPCTransport
import NIOHPACK

/// The end of a client's call (proxy behaviour, section 21).
enum CallEnding {
  static func finish(
    _ call: any GRPCServerCall, with outcome: CommandOutcome, trailers: GRPCMetadata
  ) {
    guard let failure = CallFailure(outcome) else { return call.finish(.ok, trailers: trailers) }
    var trailers = trailers
    trailers.headers.add(contentsOf: failure.trailers.headers)
    call.finish(failure.status, trailers: trailers)
  }
}

/// Why a client's call failed, as the client is told.
package struct CallFailure: Error, Hashable, Sendable {
  package var status: GRPCStatus
  /// The stable code (``HeaderName/errorCode``); `nil` for what the function or the transport answered.
  package var errorCode: String?
  /// Whether sending the command again may succeed.
  package var isWorthRetrying: Bool

  package init(_ error: CommandError) {
    status = GRPCStatus(
      GRPCStatus.Code(rawValue: error.grpcStatusCode) ?? .unknown, error.message)
    errorCode = error.code.rawValue
    isWorthRetrying = error.isWorthRetrying
  }

  /// - Parameter trailers: of the call that ended with the status.
  package init(_ status: GRPCStatus, trailers: GRPCMetadata = GRPCMetadata()) {
    self.status = status
    errorCode = trailers[HeaderName.errorCode]
    isWorthRetrying = trailers[HeaderName.retryable] == "true"
  }

  /// What tells programs of the failure.
  var trailers: GRPCMetadata {
    var trailers = GRPCMetadata()
    if let errorCode {
      trailers.add(HeaderName.errorCode, errorCode)
      trailers.add(HeaderName.retryable, isWorthRetrying ? "true" : "false")
    }
    return trailers
  }

  /// `nil` for a reply.
  init?(_ outcome: CommandOutcome) {
    switch outcome {
    case .reply:
      return nil
    case .failure(let description):
      self.init(GRPCStatus(.unknown, description))
    case .forward(let target):
      self.init(CommandError(.routingFailed, "the forward to \(target) was not followed"))
    case .error(let error):
      self.init(error)
    }
  }
}
