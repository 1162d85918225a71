import NIOHTTP2

extension GRPCStatus {
  /// The status of a response that has an HTTP status but no `grpc-status` (gRPC document
  /// "HTTP to gRPC Status Code Mapping"): made by a proxy or by a server that is no gRPC server.
  static func fromHTTP(status: Int) -> GRPCStatus {
    let code: Code =
      switch status {
      case 400: .internalError
      case 401: .unauthenticated
      case 403: .permissionDenied
      case 404: .unimplemented
      case 429, 502, 503, 504: .unavailable
      default: .unknown
      }
    return GRPCStatus(code, "the peer answered HTTP status \(status) without a grpc-status")
  }

  /// The status of a call whose stream the peer reset (gRPC over HTTP/2, "Errors").
  static func fromReset(_ reason: HTTP2ErrorCode) -> GRPCStatus {
    let code: Code =
      switch reason {
      case .refusedStream: .unavailable
      case .cancel: .cancelled
      case .enhanceYourCalm: .resourceExhausted
      case .inadequateSecurity: .permissionDenied
      default: .internalError
      }
    return GRPCStatus(code, "the peer reset the stream: \(name(of: reason))")
  }

  private static func name(of reason: HTTP2ErrorCode) -> String {
    switch reason {
    case .noError: "NO_ERROR"
    case .protocolError: "PROTOCOL_ERROR"
    case .internalError: "INTERNAL_ERROR"
    case .flowControlError: "FLOW_CONTROL_ERROR"
    case .settingsTimeout: "SETTINGS_TIMEOUT"
    case .streamClosed: "STREAM_CLOSED"
    case .frameSizeError: "FRAME_SIZE_ERROR"
    case .refusedStream: "REFUSED_STREAM"
    case .cancel: "CANCEL"
    case .compressionError: "COMPRESSION_ERROR"
    case .connectError: "CONNECT_ERROR"
    case .enhanceYourCalm: "ENHANCE_YOUR_CALM"
    case .inadequateSecurity: "INADEQUATE_SECURITY"
    case .http11Required: "HTTP_1_1_REQUIRED"
    default: "error \(reason.networkCode)"
    }
  }
}
