import CloudstateModel

/// Remembers the last sequence number of recently written entities, so that a batch which does not follow
/// is refused without a read. Keyed by the entity's stored key, because equal texts in the sense of
/// Swift may have different bytes.
///
/// Two generations of bounded size: when the young one is full the old one is forgotten, and an entity
/// that was used since then lives on in the young one.
struct SequenceGuard {
  private let capacity: Int
  private var young: [[UInt8]: Int64] = [:]
  private var old: [[UInt8]: Int64] = [:]

  /// Remembers between `capacity` and twice as many entities once that many were written.
  init(capacity: Int) { self.capacity = capacity }

  /// The last sequence, or `nil` if it is not remembered.
  func last(of entity: [UInt8]) -> Int64? { young[entity] ?? old[entity] }

  /// Notes the last sequence of an entity that is about to be written.
  mutating func remember(_ last: Int64, of entity: [UInt8]) {
    young[entity] = last
    guard young.count >= capacity else { return }
    old = young
    young = [:]
  }

  /// Forgets the entities whose stored keys begin so: their shard's copy is deleted.
  mutating func forget(beginningWith prefix: [UInt8]) {
    young = young.filter { !$0.key.starts(with: prefix) }
    old = old.filter { !$0.key.starts(with: prefix) }
  }

  /// Forgets everything: a failed commit took back what was remembered.
  mutating func forgetAll() {
    young = [:]
    old = [:]
  }
}

extension StoreError {
  /// The batch is not the entity's next.
  static func outOfSequence(_ batch: ShardBatch) -> StoreError {
    StoreError(
      .outOfSequence,
      "sequence \(batch.firstSequence) does not follow the stored events of entity \(batch.entity) in "
        + "shard \(batch.shard): an earlier batch was refused; reload the entity")
  }
}
