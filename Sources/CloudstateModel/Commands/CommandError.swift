/// A failure of the machinery as a client sees it (proxy behaviour, section 21). Each has a stable code,
/// sent as the trailer `cs-error`, that tools may switch on; the text may change.
package struct CommandError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: String, Sendable, CaseIterable {
    /// The function broke the protocol: a reply nobody asked for.
    case unexpectedReply = "unexpected-reply"
    /// The function declared the entity broken.
    case unexpectedFailure = "unexpected-failure"
    /// The function sent a message without content.
    case unexpectedMessage = "unexpected-message"
    /// The function ended or lost the entity's stream while the command was with it.
    case unexpectedTermination = "unexpected-termination"
    /// The entity crashed while the command was queued; the function never saw it.
    case entityTerminated = "entity-terminated"
    /// The entity's journal could not be read.
    case recoveryFailed = "recovery-failed"
    /// The events could not be made durable; nothing was stored.
    case storeFailed = "store-failed"
    /// The queue of the entity, or of entities waiting for the function, is full.
    case overloaded
    /// The user function cannot be reached. The command was not started.
    case functionUnavailable = "function-unavailable"
    /// Nobody answered in time.
    case timeout
    /// The shard is not assigned, or its node cannot be reached. The command was not started.
    case shardUnavailable = "shard-unavailable"
    /// The link to the shard's node broke after the command was sent: it may or may not have run.
    case outcomeUnknown = "outcome-unknown"
    /// The node is stopping.
    case stopping
    /// The same idempotency key came with another command.
    case idempotencyKeyReused = "idempotency-key-reused"
    case invalidArgument = "invalid-argument"
    /// The function forwarded to a service or method that it does not serve.
    case routingFailed = "routing-failed"
    /// The function's forwards or effects lead on and on.
    case tooManyHops = "too-many-hops"
    /// The replicated entity was deleted, for good.
    case entityDeleted = "entity-deleted"
    /// Not enough nodes have confirmed a change in time. It is durable on one and will reach the others.
    case consistencyNotReached = "consistency-not-reached"
    /// The function answered an action with an error of its own.
    case actionFailed = "action-failed"
    /// The caller has not shown who it is.
    case unauthenticated
    /// The caller may not do this, or there is no such thing.
    case permissionDenied = "permission-denied"
  }

  package var code: Code
  package var message: String
  /// The gRPC status with which the user function itself ended an action's call, passed on as it is.
  package var passedStatusCode: Int?

  package init(_ code: Code, _ message: String, passedStatusCode: Int? = nil) {
    self.code = code
    self.message = message
    self.passedStatusCode = passedStatusCode
  }

  /// The gRPC status code of proxy behaviour section 21, with its weak points mended.
  package var grpcStatusCode: Int {
    if let passedStatusCode { return passedStatusCode }
    return switch code {
    case .unexpectedReply, .unexpectedFailure, .unexpectedMessage, .unexpectedTermination,
      .entityTerminated:
      2
    case .routingFailed, .tooManyHops: 13
    case .actionFailed, .entityDeleted, .consistencyNotReached: 2
    case .invalidArgument: 3
    case .timeout: 4
    case .permissionDenied: 7
    case .overloaded: 8
    case .idempotencyKeyReused: 9
    case .recoveryFailed, .storeFailed, .functionUnavailable, .shardUnavailable, .outcomeUnknown,
      .stopping:
      14
    case .unauthenticated: 16
    }
  }

  /// Whether sending the command again may succeed. It is safe where the command has an idempotency key,
  /// or where the code says that the command was not started.
  package var isWorthRetrying: Bool {
    switch code {
    case .unexpectedTermination, .entityTerminated, .overloaded, .timeout, .functionUnavailable,
      .shardUnavailable, .outcomeUnknown, .stopping, .storeFailed:
      true
    case .unexpectedReply, .unexpectedFailure, .unexpectedMessage, .recoveryFailed,
      .idempotencyKeyReused, .invalidArgument, .routingFailed, .tooManyHops,
      .actionFailed, .entityDeleted, .consistencyNotReached, .unauthenticated, .permissionDenied:
      false
    }
  }

  package var description: String { "\(code.rawValue): \(message)" }
}
