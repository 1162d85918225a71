/// When a command's changes are acknowledged.
package enum AckPolicy: String, Sendable, CaseIterable {
  /// When this node and all in-sync replicas have synced them: no acknowledged change is lost with a node.
  case inSync = "in-sync"
  /// When this node has synced them: faster, and a failover may lose what was acknowledged last.
  case local
}

/// Settings of the replication of shards. All durations are on the monotonic clock.
package struct ShardReplicationSettings: Hashable, Sendable {
  package var ackPolicy = AckPolicy.inSync
  /// How long a primary may answer after an in-sync replica has last confirmed it, counted from the moment it
  /// asked. A new primary waits for as long, so a shorter lease makes failover quicker, and stalls of that
  /// length interrupt answers. Default 1 s.
  package var lease = Duration.seconds(1)
  /// What a replica adds to the lease it grants, for clocks that run at different speeds. Default 100 ms.
  package var leaseMargin = Duration.milliseconds(100)
  /// How long an append waits for its answer. Default 1 s.
  package var appendTimeout = Duration.seconds(1)
  /// A replica that is waited for and has not moved for this long is reported as lagging, so that the coordinator
  /// takes it out of the in-sync set. Default 1500 ms.
  package var laggingAfter = Duration.milliseconds(1500)
  /// Commands whose changes are not acknowledged by all in-sync replicas for this long get an error that says
  /// that their outcome is unknown, and the shard pauses until the replicas or a new plan allow it to go on.
  /// Default 10 s.
  package var writeTimeout = Duration.seconds(10)
  /// How long a planned move waits for what is with the user function. Longer lets slow commands end, and others
  /// wait for as long. Default 2 s.
  package var fenceTimeout = Duration.seconds(2)
  /// How long a fenced shard waits for the plan that moves it before it serves again. Default 5 s.
  package var fencedTimeout = Duration.seconds(5)
  /// The pause before a replica that could not be reached is asked again; it doubles up to ten times as much.
  /// Default 50 ms.
  package var retryDelay = Duration.milliseconds(50)
  /// Appends under way to one replica of one shard.
  package var maximumInFlight = 8
  /// Bytes of them.
  package var maximumInFlightBytes = 4 << 20
  /// About how many bytes one append carries at most, and one read of the store.
  package var pageBytes = 512 << 10
  /// Bytes of newest batches that are kept in memory for each replicated shard; a replica that is further behind
  /// is served from the store.
  package var recentBytes = 256 << 10
  /// Batches that a learner may be behind to be waited for from then on.
  package var caughtUpLag: UInt64 = 256
  /// How many bytes a second a node reads back from its store for others, so that copying leaves room for
  /// commands. Default 64 MiB/s.
  package var catchUpBytesPerSecond = 64 << 20

  package init() {}

  /// How often a replica hears of its primary at least.
  package var keepAlive: Duration { lease / 4 }
}

extension Duration {
  /// Whole nanoseconds; negative durations count as none.
  package var asNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }
}

/// A moment of the monotonic clock in nanoseconds.
package typealias Uptime = UInt64

extension Uptime {
  /// Time since an earlier moment; none if that is later.
  func since(_ earlier: Uptime) -> UInt64 { self > earlier ? self - earlier : 0 }

  /// The moment after a duration; the end of time where that is beyond it.
  func adding(_ duration: Duration) -> Uptime {
    let (sum, overflow) = addingReportingOverflow(duration.asNanoseconds)
    return overflow ? .max : sum
  }
}
