import CloudstateModel
import NIOCore
import Synchronization

/// Until when this node may answer for each of its shards: what reads the store past the entities asks here, so that a
/// node that was paused while another took over shows nothing that is old. Any thread.
final class ShardLeases: Sendable {
  private let ends = Mutex<[ShardID: UInt64]>([:])

  /// - Parameter end: in nanoseconds of the monotonic clock.
  func set(_ shard: ShardID, to end: UInt64) { ends.withLock { $0[shard] = end } }

  func end(_ shard: ShardID) { ends.withLock { $0[shard] = nil } }

  func isHeld(_ shard: ShardID) -> Bool {
    ends.withLock { $0[shard] }.map { NIODeadline.now().uptimeNanoseconds < $0 } ?? false
  }
}
