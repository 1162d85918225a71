import GRPCTransport
import Ingress

/// Why a call of ``EmbeddedClient`` ended without a reply.
public struct CallError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The status codes of gRPC, with their numbers.
  public enum Code: Int, Sendable, CaseIterable {
    case cancelled = 1
    /// Also what an entity or action refused; the message is its own.
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

  /// The status as clients over gRPC get it.
  public let code: Code
  /// What happened, and where it helps, what to do. For people; it may change.
  public let message: String
  /// The stable code of a failure of the node, such as `shard-unavailable`: what clients over gRPC get as
  /// `cs-error`. `nil` for what the entity or action has answered itself.
  public let nodeCode: String?
  /// Whether sending the command again may succeed. It is safe for commands with an idempotency key.
  public let isRetryable: Bool

  /// Makes an error, for tests of what handles it.
  public init(code: Code, message: String, nodeCode: String? = nil, isRetryable: Bool = false) {
    self.code = code
    self.message = message
    self.nodeCode = nodeCode
    self.isRetryable = isRetryable
  }

  init(_ failure: CallFailure) {
    self.init(
      code: Code(rawValue: failure.status.code.rawValue) ?? .unknown,
      message: failure.status.message, nodeCode: failure.errorCode,
      isRetryable: failure.isWorthRetrying)
  }

  /// The code and the message.
  public var description: String { "\(nodeCode ?? "\(code)"): \(message)" }
}
