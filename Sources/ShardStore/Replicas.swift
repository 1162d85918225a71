package import CloudstateModel

/// A change of this node's copy of a replicated entity (design section 7). The store does not understand its
/// content: a whole copy, and deltas that were merged into it since.
package struct ReplicaWrite: Sendable {
  package enum Change: Hashable, Sendable {
    /// A delta behind those that are stored. Its number must be one more than the last one's, or 1 behind a
    /// whole copy.
    case delta([UInt8], number: UInt64)
    /// The whole copy, in place of the stored one and of its deltas up to `lastNumber`.
    case whole([UInt8], replacingDeltasUpTo: UInt64)
  }

  package var entity: EntityKey
  package var change: Change

  package init(entity: EntityKey, change: Change) {
    self.entity = entity
    self.change = change
  }
}

/// What is stored of a replicated entity: together they are this node's copy.
package struct StoredReplica: Hashable, Sendable {
  package var entity: EntityKey
  /// The whole copy, if one was written, and the deltas since, in order.
  package var parts: [[UInt8]]
  /// The number of the last delta; 0 if there is none.
  package var lastNumber: UInt64

  package init(entity: EntityKey, parts: [[UInt8]], lastNumber: UInt64) {
    self.entity = entity
    self.parts = parts
    self.lastNumber = lastNumber
  }
}

/// A fixed share of all replicated entities, by a stable hash of their names: nodes compare their copies
/// bucket by bucket.
package struct ReplicaBucket: Hashable, Sendable {
  /// Part of the stored format. More buckets find a difference with fewer names to compare, and cost eight
  /// bytes each in every comparison.
  package static let count: UInt32 = 1024

  package let index: UInt32

  package init?(_ index: UInt32) {
    guard index < Self.count else { return nil }
    self.index = index
  }

  package init(of entity: EntityKey) { index = entity.shardIndex(shardCount: Self.count) }
}
