package import NIOCore

/// What became of an event that was handed to its method, with everything that followed from the call.
package enum EventOutcome: Hashable, Sendable {
  case handled
  /// The function answered with a regular failure. `wasRemembered` when it did so earlier, under the same
  /// idempotency key.
  case refused(String, wasRemembered: Bool = false)
  /// The call failed, or nobody takes such an event.
  case failed(String)
  /// The event did not get as far as its method, or its answer was lost: nothing is known against the event.
  case unavailable(String)
}

/// What people should hear of a consumer.
package enum ConsumerReport: Hashable, Sendable {
  /// The event will be handed over again. Reported after 1, 2, 4, 8 ... failures.
  case retrying(ConsumedEvent, failures: Int, delay: TimeAmount, reason: String)
  /// The event is not handed over again: a dead letter.
  case skipped(ConsumedEvent, reason: String)
  /// Nothing more is consumed.
  case halted(ConsumedEvent, reason: String)
  case cannotRead(reason: String)
  case cannotStore(reason: String)
}
