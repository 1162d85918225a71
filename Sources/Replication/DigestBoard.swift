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
    entity.persistenceID.utf8.forEach { hash.mix($0) }
    hash.mix(UInt8(0))
    entity.entityID.utf8.forEach { hash.mix($0) }
    hash.mix(digest)
    return hash.value
  }
}

/// 64-bit FNV-1a (draft-eastlake-fnv).
private struct FNV1a {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func mix(_ byte: UInt8) {
    value ^= UInt64(byte)
    value &*= 0x0000_0100_0000_01b3
  }

  mutating func mix(_ number: UInt64) {
    for shift in stride(from: 56, through: 0, by: -8) {
      mix(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
    }
  }
}
