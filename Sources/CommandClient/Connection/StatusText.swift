package import CommandLineKit
package import GRPCTransport

extension GRPCStatus.Code {
  /// The name of the gRPC specification, such as `DEADLINE_EXCEEDED`.
  package var name: String {
    switch self {
    case .ok: "OK"
    case .cancelled: "CANCELLED"
    case .unknown: "UNKNOWN"
    case .invalidArgument: "INVALID_ARGUMENT"
    case .deadlineExceeded: "DEADLINE_EXCEEDED"
    case .notFound: "NOT_FOUND"
    case .alreadyExists: "ALREADY_EXISTS"
    case .permissionDenied: "PERMISSION_DENIED"
    case .resourceExhausted: "RESOURCE_EXHAUSTED"
    case .failedPrecondition: "FAILED_PRECONDITION"
    case .aborted: "ABORTED"
    case .outOfRange: "OUT_OF_RANGE"
    case .unimplemented: "UNIMPLEMENTED"
    case .internalError: "INTERNAL"
    case .unavailable: "UNAVAILABLE"
    case .dataLoss: "DATA_LOSS"
    case .unauthenticated: "UNAUTHENTICATED"
    }
  }

  /// How a program ends whose call ended with this code. UNKNOWN is what a refusal of the user
  /// function becomes (proxy behaviour section 21).
  package var exitStatus: ExitStatus {
    switch self {
    case .ok: .ok
    case .unknown: .rejected
    case .unavailable, .deadlineExceeded: .unreachable
    case .unimplemented, .notFound: .notFound
    case .permissionDenied, .unauthenticated: .denied
    case .aborted, .alreadyExists, .failedPrecondition: .conflict
    case .invalidArgument, .outOfRange: .usage
    case .cancelled, .resourceExhausted, .internalError, .dataLoss: .failure
    }
  }
}

extension GRPCStatus {
  /// `message`, or the name of the code where the server said nothing.
  package var text: String { message.isEmpty ? code.name : message }

  /// The error that ends a program whose call ended with this status.
  package func programError(hint: String? = nil) -> ProgramError {
    ProgramError(
      code == .unknown ? text : "\(code.name): \(text)", hint: hint, status: code.exitStatus)
  }
}
