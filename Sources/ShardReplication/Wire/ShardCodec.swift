import CloudstateModel
import CloudstateProtocol
import FoundationEssentials
import MessageBus
import NIOCore
import ShardStore
import SwiftProtobuf

typealias WireAppend = Cloudstate_Internal_Shards_ShardAppend
typealias WireAppendRequest = Cloudstate_Internal_Shards_AppendRequest
typealias WireAppendAnswer = Cloudstate_Internal_Shards_AppendAnswer
typealias WireShardAnswer = Cloudstate_Internal_Shards_ShardAppendAnswer
typealias WireFetchRequest = Cloudstate_Internal_Shards_FetchRequest
typealias WireFetchAnswer = Cloudstate_Internal_Shards_FetchAnswer

/// Between our words and `cloudstate.internal.shards`.
enum ShardCodec {
  static func message(
    _ send: CopySend, of shard: ShardID, consumers: [ConsumerID: ConsumerPosition]
  ) -> WireAppend {
    var message = WireAppend()
    message.service = shard.service.text
    message.shard = shard.index
    message.epoch = send.epoch.number
    message.afterPosition = send.after.number
    message.afterEpoch = send.afterEpoch.number
    message.deltas = send.deltas.map { Data($0.bytes) }
    message.startsOver = send.startsOver
    message.releasesLease = send.releasesLease
    message.consumers = consumers.map { consumer, position in
      var mark = Cloudstate_Internal_Shards_ConsumerMark()
      mark.serviceName = consumer.serviceName
      mark.group = consumer.group
      mark.eventLog = consumer.eventLog
      mark.position = position.batches.number
      mark.events = position.events
      return mark
    }
    return message
  }

  /// The append that a message asks for, of a shard of `service`.
  ///
  /// - Throws: ``FormatError`` if it is no append or a delta was changed on its way.
  static func append(
    _ message: WireAppend, of service: ServiceName
  ) throws(FormatError) -> CopyAppend {
    guard message.service == service.text else {
      throw .malformed("another service, \(message.service.prefix(80))")
    }
    let shard = ShardID(service: service, index: message.shard)
    var deltas: [ShardDelta] = []
    deltas.reserveCapacity(message.deltas.count)
    for bytes in message.deltas {
      deltas.append(try ShardDelta.open(Array(bytes), in: shard))
    }
    var consumers: [ConsumerID: ConsumerPosition] = [:]
    for mark in message.consumers {
      let id = ConsumerID(
        serviceName: mark.serviceName, group: mark.group, eventLog: mark.eventLog)
      consumers[id] = ConsumerPosition(batches: Position(mark.position), events: mark.events)
    }
    return CopyAppend(
      shard: shard, epoch: Epoch(message.epoch), after: Position(message.afterPosition),
      afterEpoch: Epoch(message.afterEpoch), deltas: deltas, consumers: consumers,
      startsOver: message.startsOver)
  }

  static func message(
    _ result: Result<CopyAppendOutcome, StoreError>
  ) -> WireShardAnswer {
    var message = WireShardAnswer()
    switch result {
    case .success(.appended(let position)): message.appended = position.number
    case .success(.higherEpoch(let epoch)): message.higherEpoch = epoch.number
    case .success(.mismatch(let end)):
      var mismatch = WireShardAnswer.Mismatch()
      mismatch.lastPosition = end.position.number
      mismatch.lastEpoch = end.epoch.number
      message.mismatch = mismatch
    case .failure(let error) where error.code == .corruptRecord: message.damaged = error.message
    case .failure(let error): message.failure = error.message
    }
    return message
  }

  static func outcome(_ message: WireShardAnswer) -> CopyAnswer.Outcome {
    switch message.outcome {
    case .appended(let position): .appended(Position(position))
    case .higherEpoch(let epoch): .higherEpoch(Epoch(epoch))
    case .mismatch(let end):
      .mismatch(
        ShardEnd(
          position: Position(end.lastPosition), epoch: Epoch(end.lastEpoch),
          time: Timestamp(unixMilliseconds: .min)))
    case .failure(let text): .failed(text)
    case .damaged(let text): .damaged(text)
    case nil: .failed("the copy answers in a form unknown to this node")
    }
  }
}
