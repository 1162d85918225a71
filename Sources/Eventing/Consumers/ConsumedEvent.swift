package import CloudstateModel
import FoundationEssentials
package import ShardStore

/// One event on its way to a method that consumes it.
package struct ConsumedEvent: Hashable, Sendable {
  /// The data of an event is a `google.protobuf.Any` taken apart (proxy behaviour, section 11.2).
  private static let contentType = "application/vnd.cloudstate.protobuf.any"

  package var shard: UInt32
  package var position: Position
  /// Index within the batch at this position, from 0.
  package var index: Int
  package var isLastOfBatch: Bool
  package var entity: EntityKey
  package var event: StoredEvent

  package init(
    shard: UInt32, position: Position, index: Int, isLastOfBatch: Bool, entity: EntityKey,
    event: StoredEvent
  ) {
    self.shard = shard
    self.position = position
    self.index = index
    self.isLastOfBatch = isLastOfBatch
    self.entity = entity
    self.event = event
  }

  /// Names the event within its log. A log has an order within each shard only, so the place in it is
  /// shard, position and index.
  package var id: String { "\(shard)-\(position)-\(index)" }

  /// Where the consumer stands when this event is done.
  package var done: ConsumerPosition {
    isLastOfBatch
      ? ConsumerPosition(batches: position)
      : ConsumerPosition(batches: Position(position.number - 1), events: UInt32(index + 1))
  }

  /// The event's attributes as CloudEvents entries (proxy behaviour, sections 11.3 and 11.4).
  package var metadata: [CommandMetadata] {
    // A little more, as dates are not exact and their text is cut off behind the milliseconds.
    let time = Date(
      timeIntervalSince1970: (Double(event.time.unixMilliseconds) + 0.25) / 1000)
    return [
      ("ce-id", id), ("ce-source", entity.persistenceID), ("ce-specversion", "1.0"),
      ("ce-type", event.payload.typeURL), ("ce-subject", entity.entityID),
      ("ce-time", time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))),
      ("Content-Type", Self.contentType),
    ].map { CommandMetadata(key: $0.0, value: .text($0.1)) }
  }
}
