package import ShardReplication

/// What a node is told about the copies of its service's shards.
package struct ReplicationSettings: Sendable {
  /// Copies of each shard, the primary's included; the coordinator keeps them on as many nodes. Default 1: a
  /// shard is out of reach while its node is.
  package var factor: UInt32 = 1
  /// Where the node stands, such as an availability zone; copies of a shard are kept apart. Empty, the default,
  /// is a zone like any other.
  package var zone = ""
  package var copies = ShardReplicationSettings()
  package var scrubbing = ScrubSettings()

  package init() {}

  /// What is out of range, setting by setting.
  func problems() -> [String] {
    var problems: [String] = []
    if !(1...7).contains(factor) { problems.append("replication must be 1 to 7, not \(factor)") }
    if copies.lease < .milliseconds(100) || copies.lease > .seconds(60) {
      problems.append("lease must be from 100ms to 60s")
    }
    // A copy that is slow is taken out of the in-sync set first, so that writes need not fail.
    if copies.writeTimeout < copies.laggingAfter * 2 || copies.writeTimeout > .seconds(3600) {
      problems.append("write-timeout must be from \(copies.laggingAfter * 2) to 1h")
    }
    if copies.catchUpBytesPerSecond < 1 << 16 {
      problems.append("catch-up-rate must be at least 65536 bytes a second")
    }
    if zone.utf8.count > 64 { problems.append("zone must have at most 64 bytes") }
    return problems + scrubbing.problems()
  }
}
