/// The outcome of a call (gRPC specification, "Status codes and their use in gRPC").
package struct GRPCStatus: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: Int, Sendable, CaseIterable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case internalError = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16
  }

  package var code: Code
  /// For people; sent percent-encoded as `grpc-message`.
  package var message: String

  package init(_ code: Code, _ message: String = "") {
    self.code = code
    self.message = message
  }

  package static let ok = GRPCStatus(.ok)

  /// That no service has a path.
  package static func unknownMethod(_ path: String) -> GRPCStatus {
    GRPCStatus(.unimplemented, "unknown method \(path)")
  }

  package var description: String { "\(code) (\(code.rawValue)): \(message)" }
}
