package import CloudstateModel
package import ShardStore

/// Compares the copies of a shard when all is at rest.
package enum CopyChecker {
  /// - Parameters:
  ///   - primary: all batches of the primary's copy.
  ///   - copy: those of another in-sync copy.
  package static func violation(
    of shard: ShardID, primary: (node: NodeID, deltas: [ShardDelta]),
    copy: (node: NodeID, deltas: [ShardDelta])
  ) -> Violation? {
    for (index, delta) in primary.deltas.enumerated() {
      guard index < copy.deltas.count else {
        return Violation(
          .copies,
          "\(copy.node) is in-sync for \(shard) and ends at \(copy.deltas.count), \(primary.node) at "
            + "\(primary.deltas.count)")
      }
      if copy.deltas[index] != delta {
        return Violation(
          .copies,
          "position \(delta.position) of \(shard) differs between \(primary.node) and \(copy.node): "
            + difference(delta, copy.deltas[index]))
      }
    }
    guard copy.deltas.count == primary.deltas.count else {
      return Violation(
        .copies,
        "\(copy.node) is in-sync for \(shard) and goes on to \(copy.deltas.count), behind the end of "
          + "\(primary.node) at \(primary.deltas.count)")
    }
    return nil
  }

  private static func difference(_ left: ShardDelta, _ right: ShardDelta) -> String {
    var parts: [String] = []
    if left.epoch != right.epoch { parts.append("epoch \(left.epoch) and \(right.epoch)") }
    if left.entity != right.entity { parts.append("entity \(left.entity) and \(right.entity)") }
    if left.events != right.events { parts.append("events") }
    if left.snapshot != right.snapshot { parts.append("snapshot") }
    if left.idempotency != right.idempotency { parts.append("idempotency record") }
    if left.time != right.time { parts.append("time") }
    return parts.joined(separator: ", ")
  }
}

extension BatchMark {
  /// The mark of a batch as a copy holds it.
  package init(_ delta: ShardDelta) {
    self.init(
      position: delta.position, epoch: delta.epoch, entity: delta.entity,
      events: delta.events)
  }

  /// The mark of a batch as a stream shows it.
  package init(_ batch: StreamBatch) {
    self.init(
      position: batch.position, epoch: batch.epoch, entity: batch.entity,
      events: batch.events.map(\.payload))
  }

  private init(position: Position, epoch: Epoch, entity: EntityKey, events: [OpaquePayload]) {
    var hash = FNV1a()
    hash.mix(entity.persistenceID)
    hash.mix(entity.entityID)
    for event in events { hash.mix(event.value) }
    self.init(position: position, epoch: epoch, hash: hash.value)
  }
}
