package import CloudstateModel
package import ShardStore

/// An event on its way to a tailing client.
package struct MatchedEvent: Hashable, Sendable {
  package var subject: Subject
  package var shard: UInt32
  package var position: Position
  /// Index within the batch at this position, from 0; counts events that do not match, too.
  package var index: Int
  /// No later event of the same batch matches: the client's cursor may move to `position`.
  package var isLastOfBatch: Bool
  package var epoch: Epoch
  package var entity: EntityKey
  package var event: StoredEvent
}

extension SubjectFilter {
  /// The events of a batch that match, in order, from index `first` on.
  package func matches(
    in batch: StreamBatch, of shard: UInt32, startingAt first: Int = 0
  ) -> [MatchedEvent] {
    guard !batch.events.isEmpty, let filter = narrowed(to: batch.entity) else { return [] }
    var matched: [MatchedEvent] = []
    for (index, event) in batch.events.enumerated() where index >= first {
      guard let subject = filter.subject(ofType: event.payload.typeURL) else { continue }
      matched.append(
        MatchedEvent(
          subject: subject, shard: shard, position: batch.position, index: index,
          isLastOfBatch: false, epoch: batch.epoch, entity: batch.entity, event: event))
    }
    if !matched.isEmpty { matched[matched.count - 1].isLastOfBatch = true }
    return matched
  }
}
