import CloudstateModel

extension CopyAppend {
  /// What contradicts itself in the append, whatever the copy holds; `nil` if nothing does.
  var flaw: String? {
    if startsOver && (after != .start || afterEpoch != .none) {
      return "it starts over behind position \(after)"
    }
    var last = ShardEnd(position: after, epoch: afterEpoch, time: ShardEnd.empty.time)
    for delta in deltas {
      guard last.position.number < .max, delta.position == last.position.next else {
        return "position \(delta.position) stands behind \(last.position)"
      }
      guard delta.epoch >= last.epoch, delta.epoch <= epoch else {
        return "epoch \(delta.epoch) of position \(delta.position) is not between \(last.epoch) "
          + "and \(epoch)"
      }
      guard delta.time >= last.time else {
        return "the time of position \(delta.position) is before its predecessor's"
      }
      guard delta.hasLegalSequences else {
        return "position \(delta.position) begins with event \(delta.firstSequence)"
      }
      last = delta.end
    }
    return nil
  }

  /// About how much memory the append holds while it waits.
  var approximateBytes: Int {
    deltas.reduce(256 + 128 * consumers.count) { $0 + $1.approximateBytes }
  }
}

extension ShardDelta {
  /// Where a copy ends with this delta.
  var end: ShardEnd { ShardEnd(position: position, epoch: epoch, time: time) }

  /// Sequences start at 1 and stay in the range of their type.
  fileprivate var hasLegalSequences: Bool {
    events.isEmpty
      || firstSequence > .none
        && !firstSequence.number.addingReportingOverflow(Int64(events.count)).overflow
  }

  /// The batch as its primary was given it.
  func batch(in shard: ShardID) -> ShardBatch {
    ShardBatch(
      shard: shard, epoch: epoch, entity: entity, time: time, firstSequence: firstSequence,
      events: events, snapshot: snapshot, idempotency: idempotency)
  }

  /// Bytes of content, as limits on reads and queues count them.
  var approximateBytes: Int {
    var bytes = 64 + entity.persistenceID.utf8.count + entity.entityID.utf8.count
    for event in events { bytes += event.approximateBytes }
    if let snapshot { bytes += snapshot.approximateBytes }
    if let idempotency { bytes += idempotency.key.utf8.count + idempotency.answer.count }
    return bytes
  }
}
