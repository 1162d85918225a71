package import NIOCore

/// Bounds and intervals of one tail.
package struct TailSettings: Sendable {
  /// About how many bytes one read of one shard returns. Higher favours catching up, lower favours
  /// other calls of the same event loop. Default 32 KiB.
  package var readByteLimit = 32 * 1024
  /// How many shards one call reads at the same time. With `readByteLimit` this bounds what one call
  /// adds to a connection that has just become full. Default 4.
  package var maximumOutstandingReads = 4
  /// How many questions that are answered with a position alone are outstanding: more than reads, so
  /// that an owner that hangs does not hold up the shards of others. Default 64.
  package var maximumOutstandingQuestions = 64
  /// How often owners are asked for their last position when nothing was heard of them: the safety
  /// net below notices, which may be lost. Default 1 s.
  package var pollInterval = TimeAmount.seconds(1)
  /// How long a cursor may have moved without the client being told. Default 1 s.
  package var progressInterval = TimeAmount.seconds(1)
  /// How long the call may be silent. Clients take a longer silence for a broken connection.
  /// Default 5 s.
  package var heartbeatInterval = TimeAmount.seconds(5)
  /// Waits between failed lookups double from the first (100 ms) to the last (5 s).
  package var firstRetryDelay = TimeAmount.milliseconds(100)
  package var maximumRetryDelay = TimeAmount.seconds(5)
  /// How long lookups fail before the client is told: planned moves are over sooner. Default 1 s.
  package var noticeAfter = TimeAmount.seconds(1)
  /// How long a call that ends at the current end waits for a shard that cannot be read before it
  /// fails with UNAVAILABLE. Default 30 s.
  package var giveUpAfter = TimeAmount.seconds(30)

  package init() {}

  /// The wait after the `count`-th failure in a row, counted from 1.
  func retryDelay(afterFailures count: Int) -> TimeAmount {
    let doublings = min(max(count - 1, 0), 20)
    return min(firstRetryDelay * (1 << doublings), maximumRetryDelay)
  }
}
