extension EntityKey {
  /// The shard that holds this entity: `stable hash(persistence id, entity id) mod shardCount`
  /// (design section 2).
  ///
  /// The hash is part of the stored format: changing it would lose every entity. It is 64-bit FNV-1a
  /// (draft-eastlake-fnv) over the persistence id, one zero byte and the entity id, followed by the
  /// finalizer of MurmurHash3, because the low bits of FNV alone spread short keys unevenly.
  ///
  /// - Precondition: `shardCount > 0`, which configuration guarantees.
  package func shardIndex(shardCount: UInt32) -> UInt32 {
    var fnv = FNV1a()
    fnv.mix(persistenceID)
    fnv.mix(UInt8(0))
    fnv.mix(entityID)
    var hash = fnv.value
    hash ^= hash >> 33
    hash &*= 0xff51_afd7_ed55_8ccd
    hash ^= hash >> 33
    hash &*= 0xc4ce_b9fe_1a85_ec53
    hash ^= hash >> 33
    return UInt32(truncatingIfNeeded: hash % UInt64(shardCount))
  }

  /// The event loop of a node, of so many, on which the entity lives where it has no shard: a replicated entity
  /// must find its copy there.
  ///
  /// - Precondition: `loops > 0`.
  package func loopIndex(of loops: Int) -> Int {
    Int(shardIndex(shardCount: UInt32(loops)))
  }
}
