package import NIOCore

/// Bounds, waits and policies of consumers.
package struct ConsumerSettings: Sendable {
  /// What is done when the function answers an event with a regular failure.
  package enum RefusalPolicy: String, Sendable, CaseIterable {
    /// As any failed call: the event is handed over again, later.
    case retry
    /// The event is done, as with the reference, and noted in the log.
    case skip
  }

  /// What is done with an event that failed as often as it may.
  package enum PoisonPolicy: String, Sendable, CaseIterable {
    /// It is written to the log as a dead letter, and the next one follows.
    case skip
    /// Its shard is consumed no further until the node is started again.
    case stop
  }

  /// The wait after a first failure; it doubles up to ``maximumRetryDelay``. Default 3 s, as the reference.
  package var firstRetryDelay = TimeAmount.seconds(3)
  /// Default 30 s, as the reference.
  package var maximumRetryDelay = TimeAmount.seconds(30)
  /// Waits are longer by a random part of themselves up to this. Default 0.2, as the reference.
  package var retryJitter = 0.2
  /// Default ``RefusalPolicy/retry``: a function that says no may say yes when its state has caught up.
  package var refusals = RefusalPolicy.retry
  /// Failures of one event before ``poison`` decides; `nil`, the default, tries for ever: nothing is lost
  /// while somebody mends the function. Whatever is not the event's fault, such as a function that cannot be
  /// reached, does not count.
  package var maximumAttempts: Int?
  /// Default ``PoisonPolicy/skip``.
  package var poison = PoisonPolicy.skip
  /// Events that may be handed over again after a crash: after this many the position is stored before
  /// the next one. Default 20.
  package var eventsPerSave = 20
  /// Longest time a position is not stored. Default 1 s.
  package var saveInterval = TimeAmount.seconds(1)
  /// Batches without events of the log that may be read again after a crash. Default 1000.
  package var passedBatchesPerSave = 1000
  /// About how many bytes one read of the log returns. Default 64 KiB.
  package var readByteLimit = 64 * 1024
  /// Events that are with the function at the same time, over all consumers and shards of the node; others
  /// wait. Default 32.
  package var maximumCalls = 32

  package init() {}

  /// The wait after the `count`-th failure in a row, counted from 1.
  ///
  /// - Parameter random: from 0 to 1.
  func retryDelay(afterFailures count: Int, random: Double) -> TimeAmount {
    let doublings = min(max(count - 1, 0), 20)
    let (doubled, overflows) = firstRetryDelay.nanoseconds.multipliedReportingOverflow(
      by: 1 << doublings)
    let delay = overflows ? maximumRetryDelay : min(.nanoseconds(doubled), maximumRetryDelay)
    return delay + .nanoseconds(Int64(Double(delay.nanoseconds) * retryJitter * random))
  }
}
