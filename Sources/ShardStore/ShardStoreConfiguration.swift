package import CloudstateModel
import Glibc

/// Settings of a shard store.
package struct ShardStoreConfiguration: Sendable {
  /// Batches that may wait for the committer; one more is answered with `.overloaded`. Default 16 384.
  /// A higher value rides out longer stalls of the disk and costs memory while it does.
  package var maximumQueuedBatches = 16_384
  /// Bytes of all waiting batches together, likewise. Default 32 MiB.
  package var maximumQueuedBytes = 32 << 20
  /// Bytes after which the committer writes and syncs what it gathered so far. Default 4 MiB. A higher
  /// value means fewer syncs under bursts of large batches, and longer ones.
  package var maximumBytesPerSync = 4 << 20
  /// How long an answer is kept under its idempotency key. Default 24 hours.
  package var idempotencyRetention = Duration.seconds(24 * 60 * 60)
  /// Memory of the database; `nil` sizes it from the memory the process may use.
  package var memory: MemoryBudget?
  /// The time against which idempotency records expire.
  package var now: @Sendable () -> Timestamp = ShardStoreConfiguration.systemTime

  /// The defaults.
  package init() {}

  /// The system's clock.
  package static func systemTime() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(
      unixMilliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }
}

/// When idempotency records expire, in milliseconds, and how their index is cut into buckets.
struct IdempotencyRetention: Sendable {
  /// Age at which a record is no longer returned.
  let milliseconds: Int64
  /// Width of an index bucket: an eighth, so that at most an eighth more than needed is kept.
  let bucketMilliseconds: Int64

  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    milliseconds = max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    bucketMilliseconds = max(1, milliseconds / 8)
  }

  /// Whether a record of that time is no longer returned.
  func isExpired(_ time: Timestamp, now: Timestamp) -> Bool {
    // Times of deltas come from other nodes: none of them may overflow.
    let (age, isOutOfRange) = now.unixMilliseconds.subtractingReportingOverflow(
      time.unixMilliseconds)
    return isOutOfRange ? now > time : age >= milliseconds
  }

  /// The start of the bucket that holds `time`.
  func bucketStart(of time: Timestamp) -> Timestamp {
    let time = time.unixMilliseconds
    let offset = time % bucketMilliseconds
    let (start, isOutOfRange) = time.subtractingReportingOverflow(
      offset < 0 ? offset + bucketMilliseconds : offset)
    return Timestamp(unixMilliseconds: isOutOfRange ? .min : start)
  }

  /// Buckets that start before this hold expired records only.
  func endOfExpiredBuckets(now: Timestamp) -> Timestamp {
    let lastExpired = now.unixMilliseconds - milliseconds
    return Timestamp(unixMilliseconds: lastExpired + 2 - bucketMilliseconds)
  }
}
