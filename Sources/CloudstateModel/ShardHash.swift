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
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ byte: UInt8) {
      hash ^= UInt64(byte)
      hash &*= 0x0000_0100_0000_01b3
    }
    persistenceID.utf8.forEach(mix)
    mix(0)
    entityID.utf8.forEach(mix)
    hash ^= hash >> 33
    hash &*= 0xff51_afd7_ed55_8ccd
    hash ^= hash >> 33
    hash &*= 0xc4ce_b9fe_1a85_ec53
    hash ^= hash >> 33
    return UInt32(truncatingIfNeeded: hash % UInt64(shardCount))
  }
}
