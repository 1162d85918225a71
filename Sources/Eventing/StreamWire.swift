import CloudstateModel
import CloudstateProtocol
import FoundationEssentials
import ShardStore
import SwiftProtobuf

/// Shorter names for the messages by which nodes read each other's streams.
typealias WireReadRequest = Cloudstate_Internal_Cluster_StreamReadRequest
/// See ``WireReadRequest``.
typealias WireReadResponse = Cloudstate_Internal_Cluster_StreamReadResponse
/// See ``WireReadRequest``.
typealias WireBatch = Cloudstate_Internal_Cluster_StreamBatch

extension WireBatch {
  /// The form in which a batch crosses the bus.
  init(_ batch: StreamBatch) {
    self.init()
    position = batch.position.number
    epoch = batch.epoch.number
    timeUnixMilliseconds = batch.time.unixMilliseconds
    persistenceID = batch.entity.persistenceID
    entityID = batch.entity.entityID
    firstSequence = batch.events.first?.sequence.number ?? 0
    events = batch.events.map { event in
      var wire = Cloudstate_Internal_Cluster_StreamEvent()
      wire.typeURL = event.payload.typeURL
      wire.value = Data(event.payload.value)
      return wire
    }
  }

  /// The batch as the owner's store holds it: its events share its time and follow each other.
  var batch: StreamBatch {
    let time = Timestamp(unixMilliseconds: timeUnixMilliseconds)
    // The peer's numbers are not ours to trust: what makes no sense must not overflow either.
    let first = SequenceNumber(min(max(firstSequence, 0), .max - Int64(events.count)))
    return StreamBatch(
      position: Position(position), epoch: Epoch(epoch), time: time,
      entity: EntityKey(persistenceID: persistenceID, entityID: entityID),
      events: events.enumerated().map { offset, event in
        StoredEvent(
          sequence: first.advanced(by: offset), time: time,
          payload: OpaquePayload(typeURL: event.typeURL, value: Array(event.value)))
      })
  }
}

extension Cloudstate_Streams_TailResponse {
  /// The form in which an event reaches a client; `json` is empty where no descriptor knows the type.
  init(_ match: MatchedEvent, json: String) {
    self.init()
    event = .with {
      $0.subject = match.subject.text
      $0.shard = match.shard
      $0.position = match.position.number
      $0.index = UInt32(truncatingIfNeeded: match.index)
      $0.lastOfBatch = match.isLastOfBatch
      $0.epoch = match.epoch.number
      $0.sequence = match.event.sequence.number
      $0.timeUnixMilliseconds = match.event.time.unixMilliseconds
      $0.persistenceID = match.entity.persistenceID
      $0.entityID = match.entity.entityID
      $0.typeURL = match.event.payload.typeURL
      $0.payload = Data(match.event.payload.value)
      $0.json = json
    }
  }

  /// The cursors a client may continue behind.
  init(_ cursors: [TailMachine.ShardCursor], caughtUp: Bool) {
    self.init()
    progress = .with {
      $0.caughtUp = caughtUp
      $0.cursors = cursors.map { cursor in
        .with {
          $0.shard = cursor.shard
          $0.position = cursor.position.number
        }
      }
    }
  }

  /// A sentence for people.
  init(notice text: String) {
    self.init()
    notice = .with { $0.text = text }
  }
}
