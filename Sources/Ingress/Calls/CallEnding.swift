import CloudstateModel
import GRPCTransport

/// The end of a client's call (proxy behaviour, section 21).
enum CallEnding {
  static func finish(
    _ call: any GRPCServerCall, with outcome: CommandOutcome, trailers: GRPCMetadata
  ) {
    var trailers = trailers
    switch outcome {
    case .reply:
      call.finish(.ok, trailers: trailers)
    case .failure(let description):
      call.finish(GRPCStatus(.unknown, description), trailers: trailers)
    case .forward(let target):
      finish(
        call,
        with: .error(CommandError(.routingFailed, "the forward to \(target) was not followed")),
        trailers: trailers)
    case .error(let error):
      trailers.add(HeaderName.errorCode, error.code.rawValue)
      trailers.add(HeaderName.retryable, error.isWorthRetrying ? "true" : "false")
      call.finish(
        GRPCStatus(GRPCStatus.Code(rawValue: error.grpcStatusCode) ?? .unknown, error.message),
        trailers: trailers)
    }
  }
}
