import CloudstateModel
import NIOCore
import Synchronization

/// Until when this node may answer for each of its shards: what reads the store past the entities asks here, so that a
/// node that was paused while another took over shows nothing that is old. Any thread.
final class ShardLeases: Sendable {
  private let ends = Mutex<[ShardID: UInt64]>([:])

  /// The shard is served.
  ///
  /// - Parameter end: in nanoseconds of the monotonic clock.
  func begin(_ shard: ShardID, until end: UInt64) { ends.withLock { $0[shard] = end } }

  /// The lease is longer or shorter now. Nothing where the shard is not served any more: copies confirm a lease also while
  /// the shard is handed over.
  func change(_ shard: ShardID, to end: UInt64) {
    ends.withLock { if $0[shard] != nil { $0[shard] = end } }
  }

  /// The shard is not served any more.
  func end(_ shard: ShardID) { ends.withLock { $0[shard] = nil } }

  func isHeld(_ shard: ShardID) -> Bool {
    ends.withLock { $0[shard] }.map { NIODeadline.now().uptimeNanoseconds < $0 } ?? false
  }
}
