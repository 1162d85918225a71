import CloudstateModel
import ShardStore
import Synchronization

/// What all copies of this node come to, bucket by bucket. Each entity adds its digest to its bucket's by
/// exclusive or, so that a change replaces the old one without looking at the others. Any thread.
final class DigestBoard: Sendable {
  private let buckets = Mutex([UInt64](repeating: 0, count: Int(ReplicaBucket.count)))

  /// Replaces what an entity adds; 0 stands for no copy.
  func replace(_ entity: EntityKey, _ old: UInt64, by new: UInt64) {
    guard old != new else { return }
    let index = Int(ReplicaBucket(of: entity).index)
    let difference = Self.share(of: entity, old) ^ Self.share(of: entity, new)
    buckets.withLock { $0[index] ^= difference }
  }

  var all: [UInt64] { buckets.withLock { $0 } }

  /// Of all buckets together.
  var summary: UInt64 {
    buckets.withLock { buckets in
      var hash = FNV1a()
      for bucket in buckets { hash.mix(bucket) }
      return hash.value
    }
  }

  /// Bound to the entity's name, so that two entities that change places show.
  private static func share(of entity: EntityKey, _ digest: UInt64) -> UInt64 {
    guard digest != 0 else { return 0 }
    var hash = FNV1a()
    hash.mix(entity.persistenceID)
    hash.mix(UInt8(0))
    hash.mix(entity.entityID)
    hash.mix(digest)
    return hash.value
  }
}
