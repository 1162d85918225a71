/// How many messages go which way in a call of an action's method (proxy behaviour, section 10).
package enum ActionShape: Hashable, Sendable {
  case unary
  /// Many requests, one response.
  case streamedIn
  /// One request, many responses.
  case streamedOut
  case streamed

  package init(isClientStreaming: Bool, isServerStreaming: Bool) {
    self =
      switch (isClientStreaming, isServerStreaming) {
      case (false, false): .unary
      case (true, false): .streamedIn
      case (false, true): .streamedOut
      case (true, true): .streamed
      }
  }

  /// Whether the call begins with a message of its own, before the first request.
  package var hasManyRequests: Bool { self == .streamedIn || self == .streamed }
}

/// What a call of an action is for.
package struct ActionRequest: Hashable, Sendable {
  package var serviceName: String
  package var method: String
  package var shape: ActionShape
  package var payloadTypeURL: String
  /// Of the call as a whole.
  package var metadata: [CommandMetadata]
  /// Of each request message. Where the call has one request it goes with ``metadata``.
  package var messageMetadata: [CommandMetadata]
  /// When the caller stops waiting, in nanoseconds of the monotonic clock of this machine.
  package var deadline: UInt64?

  package init(
    serviceName: String, method: String, shape: ActionShape, payloadTypeURL: String,
    metadata: [CommandMetadata], messageMetadata: [CommandMetadata] = [], deadline: UInt64?
  ) {
    self.serviceName = serviceName
    self.method = method
    self.shape = shape
    self.payloadTypeURL = payloadTypeURL
    self.metadata = metadata
    self.messageMetadata = messageMetadata
    self.deadline = deadline
  }
}

/// A running call of an action, towards the user function. Bound to the event loop it was opened on.
package protocol ActionCall: AnyObject {
  /// `false` while the function takes no more; its owner hears when it does again.
  var isWritable: Bool { get }
  /// Sends one request message.
  func send(_ payload: [UInt8])
  /// No more requests follow.
  func end()
  /// Nobody waits for responses any more. The owner hears nothing afterwards.
  func cancel()
  /// Stops (`false`) or goes on with responses.
  func setReading(_ reading: Bool)
}

/// Who opened an ``ActionCall``. Called on the call's event loop, never from within the opening.
package protocol ActionCallOwner: AnyObject {
  /// One response: a message, `.reply(nil)` for none, a forward or a failure; and its side effects.
  func received(_ answer: CommandAnswer)
  /// Whether the function takes more requests has changed.
  func functionWritabilityChanged(_ isWritable: Bool)
  /// The function has ended the call, or it broke. Nothing follows.
  func ended(_ error: CommandError?)
}
