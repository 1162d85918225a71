import GRPCTransport

extension GRPCStatus.Code {
  /// The HTTP status of an answer that carries JSON instead of gRPC (proxy behaviour, section 12.6).
  var httpStatus: Int {
    switch self {
    case .ok: 200
    case .cancelled, .invalidArgument: 400
    case .unauthenticated: 401
    case .permissionDenied: 403
    case .notFound: 404
    case .alreadyExists: 409
    case .failedPrecondition: 412
    case .outOfRange: 416
    case .unknown, .deadlineExceeded, .aborted, .internalError, .dataLoss: 500
    case .unimplemented: 501
    case .unavailable: 503
    case .resourceExhausted: 507
    }
  }
}
