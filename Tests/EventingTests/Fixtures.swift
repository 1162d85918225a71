import CloudstateModel
import CloudstateProtocol
import Eventing
import NIOCore
import ShardStore
import Testing

/// The service of all tests.
func testService() throws -> ServiceName { try #require(ServiceName("cart")) }

/// A moment of a test's own clock.
func moment(_ milliseconds: Int) -> NIODeadline {
  .uptimeNanoseconds(UInt64(milliseconds + 1_000_000) * 1_000_000)
}

/// A committed batch whose events have the given types, such as `Added`.
func batch(
  _ position: UInt64, entity: String = "user1", types: [String], time: Int64? = nil
) -> StreamBatch {
  let time = Timestamp(unixMilliseconds: time ?? Int64(position) * 1000)
  return StreamBatch(
    position: Position(position), epoch: Epoch(1), time: time,
    entity: EntityKey(persistenceID: "carts", entityID: entity),
    events: types.enumerated().map { offset, type in
      StoredEvent(
        sequence: SequenceNumber(Int64(position) * 10 + Int64(offset)), time: time,
        payload: OpaquePayload(typeURL: "type.googleapis.com/test.\(type)", value: [1, 2]))
    })
}

/// A plan for the request that `configure` fills in.
func tailPlan(
  shardCount: UInt32 = 2, _ configure: (inout Cloudstate_Streams_TailRequest) -> Void = { _ in }
) throws -> TailPlan {
  var request = Cloudstate_Streams_TailRequest()
  configure(&request)
  return try TailPlan(request, service: testService(), shardCount: shardCount)
}

/// A cursor of a request.
func cursor(_ shard: UInt32, _ position: UInt64) -> Cloudstate_Streams_ShardCursor {
  var cursor = Cloudstate_Streams_ShardCursor()
  cursor.shard = shard
  cursor.position = position
  return cursor
}

extension TailMachine {
  /// A machine with default settings that began at moment 0.
  init(_ plan: TailPlan, configure: (inout TailSettings) -> Void = { _ in }) {
    var settings = TailSettings()
    configure(&settings)
    self.init(
      plan: plan, settings: settings, now: moment(0),
      wallClock: Timestamp(unixMilliseconds: 50_000))
  }
}

extension TailMachine.Action {
  /// `shard:position/index` of an event that is sent.
  var sentAddress: String? {
    guard case .send(let match) = self else { return nil }
    return "\(match.shard):\(match.position)/\(match.index)"
  }

  /// A lookup, as `shard lookup`.
  var lookup: (shard: UInt32, TailMachine.Lookup)? {
    guard case .look(let shard, let lookup) = self else { return nil }
    return (shard, lookup)
  }

  /// The text of a notice.
  var noticeText: String? {
    guard case .notice(let text) = self else { return nil }
    return text
  }
}
