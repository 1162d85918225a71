import CloudstateModel
import RocksDB

extension StoreReader {
  /// This node's copy of a replicated entity.
  func replica(of entity: EntityKey) throws(StoreError) -> StoredReplica? {
    try replicas(in: .replica(of: entity), "this node's copy of entity \(entity)").first
  }

  /// This node's copies of all replicated entities of a bucket.
  func replicas(in bucket: ReplicaBucket) throws(StoreError) -> [StoredReplica] {
    try replicas(
      in: .replicas(in: bucket), "the replicated entities of bucket \(bucket.index)")
  }

  private func replicas(
    in range: KeyRange, _ owner: String
  ) throws(StoreError) -> [StoredReplica] {
    var iterator = self.iterator(over: .crdt, range)
    iterator.seekToFirst()
    var replicas: [StoredReplica] = []
    while iterator.isValid {
      let (key, record): (StoreKey, ReplicaRecord) = try current(iterator, in: .crdt, of: owner)
      guard case .replica(let entity, let number) = key else {
        throw StoreError(disagreeing: owner, "it holds \(key.name)")
      }
      if replicas.last?.entity == entity {
        try replicas[replicas.count - 1].append(record.content, number: number)
      } else {
        var replica = StoredReplica(entity: entity, parts: [], lastNumber: 0)
        if number == 0 {
          replica.parts.append(record.content)
        } else {
          try replica.append(record.content, number: number)
        }
        replicas.append(replica)
      }
      iterator.next()
    }
    try check(iterator, owner)
    return replicas
  }
}

extension StoredReplica {
  fileprivate mutating func append(
    _ content: [UInt8], number: UInt64
  ) throws(StoreError) {
    guard number == lastNumber + 1 else {
      throw StoreError(
        disagreeing: StoreKey.replica(entity, number: number).name,
        "delta \(lastNumber + 1) is missing before it")
    }
    parts.append(content)
    lastNumber = number
  }
}
